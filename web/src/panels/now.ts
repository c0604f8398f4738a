/** What is going on now: the open events, the newest first, with counts that each open their list. */

import { emptyState, errorState, h, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { isOverdue } from "../live/event_book";
import { EVERYTHING, fits, type EventFilter } from "../live/event_filter";
import { severityColor, severityTitle, span, stateTitle, typeTitle } from "../live/event_words";
import { hour } from "../live/hour";
import type { CityEvent } from "../live_types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { filterBar } from "./now_filter";
import type { SidePanel } from "./side";

const SHOWN = 100;

export class NowPanel {
  #body = h("div", { class: "panel-body now" });
  #limit = SHOWN;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    viewer.store.watch(["now"], () => {
      this.#limit = SHOWN;
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
    this.#body.replaceChildren(
      filterBar(this.viewer, open, filter, this.#set),
      h("p", { class: "muted small-text now-total", role: "status", "data-found": found.length }, t("now_total", { n: number(found.length, 0) }),
        book.isCut ? ` · ${t("now_cut", { n: number(open.length, 0) })}` : ""),
      found.length ? this.#list(found) : emptyState(t("now_none")),
    );
    this.#body.scrollTop = scroll;
    if (focused) this.#body.querySelector<HTMLElement>(`[data-key="${CSS.escape(focused)}"]`)?.focus();
  }

  #list(found: CityEvent[]): HTMLElement {
    const rest = found.length - this.#limit;
    return h("ul", { class: "links event-list" }, ...found.slice(0, this.#limit).map((event) => h("li", {}, this.#row(event))),
      rest > 0 ? h("li", {}, h("button", {
        type: "button", class: "button wide", "data-key": "more", onclick: () => { this.#limit += SHOWN; this.#fill(); },
      }, t("now_more", { n: number(Math.min(SHOWN, rest), 0) }))) : null);
  }

  #row(event: CityEvent): HTMLElement {
    const { book, store } = this.viewer;
    return eventRow(event, typeTitle(event, book.types), {
      current: store.state.event === event.id,
      onclick: () => this.viewer.openEvent(event.id, event.longitude === null ? undefined : { center: [event.longitude, event.latitude!] }),
    });
  }
}

/** One event in a list. */
export function eventRow(event: CityEvent, type: string, { current = false, onclick }: { current?: boolean; onclick: () => void }): HTMLElement {
  const late = isOverdue(event);
  const mark = h("span", { class: "severity-dot", title: severityTitle(event.severity), role: "img", "aria-label": severityTitle(event.severity) });
  mark.style.background = severityColor(event.severity);
  return h("button", {
    type: "button", class: "row-button event-row", "data-event": event.id, "data-key": `event-${event.id}`, "aria-current": current ? "true" : null, onclick,
  },
  mark,
  h("span", { class: "grow" },
    h("span", { class: "event-line ellipsis" }, event.title || type),
    h("span", { class: "muted small-text ellipsis event-line" }, `${type} · ${hour(event.occurred_at)}`)),
  h("span", { class: "event-end" },
    h("span", { class: "chip quiet" }, stateTitle(event.state)),
    late ? h("span", { class: "late small-text" }, `${t("now_overdue")} ${span(Date.now() - Date.parse(event.due_at!))}`) : null));
}
