/** The steps that an event went through, as its log tells them. */

import { h } from "../dom";
import { sourceTitle, stateTitle } from "../live/event_words";
import { hour } from "../live/hour";
import { word } from "../i18n";
import { STATES, type EventState, type EventStep } from "../live_types";
import { stateDot } from "./state_chip";

const isState = (text: string): text is EventState => (STATES as readonly string[]).includes(text);

export function logList(log: EventStep[]): HTMLElement {
  return h("ol", { class: "event-log" }, ...log.map(({ action, actor, detail, at }) => h("li", { "data-action": action },
    h("span", { class: "muted small-text log-time" }, hour(at)), isState(action) ? stateDot(action) : h("i", { class: "state-dot none", "aria-hidden": "true" }),
    h("span", { class: "grow" },
      h("b", {}, isState(action) ? stateTitle(action) : word("log_", action)), actor ? ` · ${sourceTitle(actor)}` : "",
      detail.responsible ? ` · ${detail.responsible}` : "",
      detail.note ? h("span", { class: "log-note" }, detail.note) : null))));
}
