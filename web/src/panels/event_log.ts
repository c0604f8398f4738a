/** The steps that an event went through, as its log tells them. */

import { h } from "../dom";
import { stateTitle } from "../live/event_words";
import { hour } from "../live/hour";
import { word } from "../i18n";
import { STATES, type EventStep } from "../live_types";

const isState = (text: string): boolean => (STATES as readonly string[]).includes(text);

export function logList(log: EventStep[]): HTMLElement {
  return h("ol", { class: "event-log" }, ...log.map(({ action, actor, detail, at }) => h("li", { "data-action": action },
    h("span", { class: "muted small-text log-time" }, hour(at)),
    h("span", { class: "grow" },
      h("b", {}, isState(action) ? stateTitle(action) : word("log_", action)), actor ? ` · ${actor}` : "",
      detail.responsible ? ` · ${detail.responsible}` : "",
      detail.note ? h("span", { class: "log-note" }, detail.note) : null))));
}
