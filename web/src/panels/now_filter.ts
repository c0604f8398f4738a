/** The counts above the list of events: how many there are of each severity and state; each is a button that lists them. */

import { h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { isOverdue } from "../live/event_book";
import { SEVERITIES, fits, type EventFilter } from "../live/event_filter";
import { severityColor, severityTitle, stateTitle, typeTitle } from "../live/event_words";
import { OPEN_STATES, type CityEvent } from "../live_types";
import type { Viewer } from "../viewer";
import { stateDot } from "./state_chip";

type Change = (change: Partial<EventFilter>) => void;

export function filterBar(viewer: Viewer, open: readonly CityEvent[], filter: EventFilter, change: Change): HTMLElement {
  // a count tells how many one would see after choosing it
  const count = (wanted: Partial<EventFilter>) => open.filter((event) => fits(event, { ...filter, ...wanted })).length;
  return h("div", { class: "now-head" }, figures(open, filter, change), severities(count, filter, change), states(count, filter, change),
    types(viewer, open, filter, change));
}

function figures(open: readonly CityEvent[], filter: EventFilter, change: Change): HTMLElement {
  const late = open.filter((event) => isOverdue(event)).length;
  const isPlain = filter.severity === null && filter.state === null && filter.type === null && !filter.overdue;
  const figure = (key: string, label: string, n: number, pressed: boolean, cls: string, onclick: () => void) => h("button", {
    type: "button", class: `figure ${cls}`, "data-key": key, "aria-pressed": String(pressed), onclick,
  }, h("b", { "data-count": n }, number(n, 0)), h("span", {}, label));
  return h("div", { class: "figures" },
    figure("all", t("now_open"), open.length, isPlain, "", () => change({ severity: null, state: null, type: null, overdue: false })),
    figure("late", t("now_overdue"), late, filter.overdue, late ? "bad" : "", () => change({ severity: null, state: null, type: null, overdue: !filter.overdue })));
}

function severities(count: (wanted: Partial<EventFilter>) => number, filter: EventFilter, change: Change): HTMLElement {
  return h("div", { class: "filter-line", role: "group", "aria-label": t("now_severity") }, ...SEVERITIES
    .map((severity) => ({ severity, n: count({ severity }) }))
    .filter(({ severity, n }) => severity > 0 || n > 0)
    .map(({ severity, n }) => {
      const dot = h("span", { class: "severity-dot", "aria-hidden": "true" });
      dot.style.background = severityColor(severity);
      return pill(`severity-${severity}`, n, filter.severity === severity, () => change({ severity: filter.severity === severity ? null : severity }),
        dot, severityTitle(severity));
    }));
}

function states(count: (wanted: Partial<EventFilter>) => number, filter: EventFilter, change: Change): HTMLElement {
  return h("div", { class: "filter-line", role: "group", "aria-label": t("now_state") }, ...OPEN_STATES.map((state) =>
    pill(`state-${state}`, count({ state }), filter.state === state, () => change({ state: filter.state === state ? null : state }), stateDot(state), stateTitle(state))));
}

function pill(key: string, n: number, pressed: boolean, onclick: () => void, ...label: (Node | string)[]): HTMLElement {
  return h("button", { type: "button", class: "pill", "data-key": key, "aria-pressed": String(pressed), onclick }, ...label, h("b", { "data-count": n }, number(n, 0)));
}

function types({ book }: Viewer, open: readonly CityEvent[], filter: EventFilter, change: Change): HTMLElement {
  const counts = new Map<string, { title: string; n: number }>();
  for (const event of open) {
    if (!event.type_code) continue;
    const known = counts.get(event.type_code) ?? { title: typeTitle(event, book.types), n: 0 };
    counts.set(event.type_code, { ...known, n: known.n + 1 });
  }
  const sorted = [...counts].sort(([, a], [, b]) => b.n - a.n);
  return h("select", {
    class: "input", "data-key": "type", "aria-label": t("now_type"),
    onchange: (event: Event) => change({ type: (event.target as HTMLSelectElement).value || null }),
  }, h("option", { value: "" }, t("now_types_all")),
  ...sorted.map(([code, { title, n }]) => h("option", { value: code, selected: code === filter.type }, `${title} (${n})`)));
}
