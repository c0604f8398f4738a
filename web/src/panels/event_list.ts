/** A list of events that grows as one asks for more of it. */

import { emptyState, h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { typeTitle } from "../live/event_words";
import type { CityEvent } from "../live_types";
import type { Viewer } from "../viewer";
import { eventRow } from "./event_row";

const SHOWN = 100;

export class EventList {
  readonly element = h("div", {});
  #limit = SHOWN;
  #events: readonly CityEvent[] = [];

  constructor(private readonly viewer: Viewer, private readonly nothing: () => string) {}

  /** Begins at the top again. */
  reset(): void {
    this.#limit = SHOWN;
  }

  show(events: readonly CityEvent[]): void {
    this.#events = events;
    if (!events.length) {
      this.element.replaceChildren(emptyState(this.nothing()));
      return;
    }
    const rest = events.length - this.#limit;
    this.element.replaceChildren(h("ul", { class: "links event-list" },
      ...events.slice(0, this.#limit).map((event) => h("li", {}, this.#row(event))), rest > 0 ? h("li", {}, this.#more(rest)) : null));
  }

  #more(rest: number): HTMLElement {
    const grow = () => {
      const first = this.#limit;
      this.#limit += SHOWN;
      this.show(this.#events);
      this.element.querySelectorAll<HTMLElement>(".event-row")[first]?.focus();
    };
    return h("button", { type: "button", class: "button wide", "data-key": "more", onclick: grow }, t("now_more", { n: number(Math.min(SHOWN, rest), 0) }));
  }

  #row(event: CityEvent): HTMLElement {
    const { book, store } = this.viewer;
    return eventRow(event, typeTitle(event, book.types), {
      current: store.state.event === event.id,
      onclick: () => this.viewer.openEvent(event.id, event.longitude === null ? undefined : { center: [event.longitude, event.latitude!] }),
    });
  }
}
