/** The clock of an event's state: how long is left, or since when it is over. */

import { h } from "../dom";
import { t } from "../i18n";
import { span } from "../live/event_words";
import { hour } from "../live/hour";
import { OPEN_STATES, type EventFile } from "../live_types";

const TICK_MS = 1000;

export class EventClock {
  readonly element = h("div", { class: "event-clock", role: "timer" });
  #file: EventFile | null = null;

  constructor() {
    setInterval(() => this.element.isConnected && this.#show(), TICK_MS);
  }

  set(file: EventFile): void {
    this.#file = file;
    this.#show();
  }

  #show(): void {
    const file = this.#file;
    if (!file) return;
    const left = file.due_at === null ? null : Date.parse(file.due_at) - Date.now();
    this.element.classList.toggle("over", left !== null && left < 0);
    if (left === null) {
      this.element.replaceChildren(h("span", { class: "muted" }, t(OPEN_STATES.includes(file.state) ? "clock_none" : "clock_done")));
      return;
    }
    this.element.replaceChildren(
      h("span", {}, t(left < 0 ? "clock_over" : "clock_left")), h("b", {}, countdown(left)),
      h("span", { class: "muted small-text" }, t("clock_due", { time: hour(file.due_at!) })),
    );
  }
}

/** Seconds are counted in the last hour only: before that they would but flicker. */
function countdown(ms: number): string {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s >= 3600) return span(ms);
  return `${String(Math.floor(s / 60)).padStart(2, "0")}:${String(s % 60).padStart(2, "0")}`;
}
