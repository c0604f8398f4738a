/** What events are called, and the colours of how bad they are. */

import { t, titleOf, word, type Word } from "../i18n";
import type { CityEvent, EventState, EventType } from "../live_types";

/** By severity, 0 where it is not known; the same on the map, in lists and in the histogram, in both themes. */
export const SEVERITY_COLORS: Record<number, string> = { 1: "#d92d20", 2: "#ef6c00", 3: "#d9a404", 4: "#2f7fd6", 0: "#7b8794" };
/** By state, unlike any severity; from what nobody has taken up to what is done. */
export const STATE_COLORS: Record<EventState, string> = {
  collect: "#d81b9a", file: "#7b3fc4", dispatch: "#0e7490", handle: "#14b8a6", feedback: "#3fa34d", close: "#8a97a5", evaluate: "#b4bec8",
};
export const OVERDUE_COLOR = "#b00020";

export const severityColor = (severity: number | null): string => SEVERITY_COLORS[severity ?? 0] ?? SEVERITY_COLORS[0]!;

export const stateColor = (state: EventState): string => STATE_COLORS[state];

export const severityTitle = (severity: number | null): string => word("severity_", String(severity ?? 0));

export const stateTitle = (state: string): string => word("state_", state);

/** Who reported an event or took a step: what the service itself calls by a code. */
export const sourceTitle = (source: string): string => word("source_", source);

export function typeTitle(event: CityEvent, types: ReadonlyMap<string, EventType>): string {
  const known = event.type_code ? types.get(event.type_code) : undefined;
  return titleOf(event.type_title ?? (known && { zh: known.title_zh, en: known.title_en }), event.type ?? event.type_code ?? t("event"));
}

/** How long ago, or how long until: 45 s, 12 min, 3 h 20 min, 2 d 4 h. */
export function span(ms: number): string {
  const s = Math.floor(Math.abs(ms) / 1000);
  if (s < 60) return t("span_s", { s });
  const min = Math.floor(s / 60);
  if (min < 60) return t("span_min", { min });
  const hours = Math.floor(min / 60);
  if (hours < 24) return t("span_h", { h: hours, min: min % 60 });
  return t("span_d", { d: Math.floor(hours / 24), h: hours % 24 });
}

/** How the service says by what it found an event's place, and the viewer's words for it. */
const REASONS: [RegExp, Word][] = [
  [/^coordinates$/, "by_coordinates"], [/^address$/, "by_address"], [/^device$/, "by_device"], [/^building inside$/, "by_inside"],
  [/^building device$/, "by_building_device"], [/^near ([\d.]+) m$/, "by_near"], [/^accuracy ([\d.]+) m$/, "by_accuracy"],
  [/^the address is ([\d.]+) m away/, "by_apart"], [/^storey by number$/, "by_storey_number"], [/^storey by height$/, "by_storey_height"],
  [/^storey reckoned/, "by_storey_reckoned"], [/^storey by device$/, "by_storey_device"], [/^room by device$/, "by_room_device"], [/^room by name$/, "by_room_name"], [/^room by place$/, "by_room_place"],
];

export function reasonTitle(by: string): string {
  for (const [pattern, key] of REASONS) {
    const found = pattern.exec(by);
    if (found) return t(key, { m: found[1] ?? "" });
  }
  return by;
}
