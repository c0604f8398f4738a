/** One event in a list: how bad it is, what and when, its state, and whether its time has run out. */

import { h } from "../dom";
import { t } from "../i18n";
import { isOverdue } from "../live/event_book";
import { severityColor, severityTitle, span } from "../live/event_words";
import { hour } from "../live/hour";
import type { CityEvent } from "../live_types";
import { stateChip } from "./state_chip";

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
    stateChip(event.state),
    late ? h("span", { class: "late small-text" }, `${t("now_overdue")} ${span(Date.now() - Date.parse(event.due_at!))}`) : null));
}
