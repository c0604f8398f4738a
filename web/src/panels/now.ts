/** What is going on now: the open events, the newest first, with counts that each open their list. */

import { errorState, h, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { EVERYTHING, fits, type EventFilter } from "../live/event_filter";
import type { Viewer } from "../viewer";
import { EventList } from "./event_list";
import { reasonOf } from "./failure";
import { filterBar } from "./now_filter";
import type { SidePanel } from "./side";

export class NowPanel {
  #body = h("div", { class: "panel-body now" });
  readonly #list: EventList;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    this.#list = new EventList(viewer, () => t("now_none"));
    viewer.store.watch(["now"], () => {
      this.#list.reset();
      this.#follow(this.side.current !== "now");
    });
    viewer.store.watch(["lang", "event"], () => this.#fill());
    viewer.book.watch(() => this.#fill());
  }

  /** Opens the list if the address asked for it; behind other pages that it asked for too. */
  restore(): void {
    this.#follow(this.viewer.store.state.selection === null && this.viewer.store.state.event === null);
  }

  toggle(): void {
    const { store } = this.viewer;
    store.set("now", store.state.now ? null : EVERYTHING);
  }

  #follow(front: boolean): void {
    if (!this.viewer.store.state.now) {
      this.side.hide("now");
      return;
    }
    this.#fill();
    this.side.show("now", "now", this.#body, () => this.viewer.store.set("now", null), front);
  }

  #set = (change: Partial<EventFilter>): void => {
    const { store } = this.viewer;
    store.set("now", { ...(store.state.now ?? EVERYTHING), ...change });
  };

  #fill(): void {
    const { book, store } = this.viewer;
    const filter = store.state.now;
    if (!filter) return;
    if (book.state === "wait") {
      this.#body.replaceChildren(spinner(t("loading")));
      return;
    }
    if (book.state === "failed") {
      this.#body.replaceChildren(errorState(t("now_failed"), reasonOf(book.reason), () => void book.load()));
      return;
    }
    const focused = this.#body.contains(document.activeElement) ? (document.activeElement as HTMLElement).dataset.key : undefined;
    const scroll = this.#body.scrollTop;
    const open = book.open;
    const found = open.filter((event) => fits(event, filter));
    this.#list.show(found);
    this.#body.replaceChildren(
      filterBar(this.viewer, open, filter, this.#set),
      h("p", { class: "muted small-text now-total", role: "status", "data-found": found.length }, t("now_total", { n: number(found.length, 0) }),
        book.isCut ? ` · ${t("now_cut", { n: number(open.length, 0) })}` : ""),
      this.#list.element,
    );
    this.#body.scrollTop = scroll;
    if (focused) this.#body.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }
}
