/** One thing around an event: what it is, how far, and a way there. */

import { h } from "../dom";
import { length, number, value } from "../format";
import { t } from "../i18n";
import { severityTitle, span } from "../live/event_words";
import { hour } from "../live/hour";
import type { ContextItem } from "../live_types";
import type { Viewer } from "../viewer";

const text = (raw: unknown): string => (raw === null || raw === undefined ? "" : String(raw));
const joined = (...parts: unknown[]): string => parts.map(text).filter(Boolean).join(" · ");

/** Name and detail, by the part of the context. */
const TOLD: Record<string, (item: ContextItem) => [string, string]> = {
  sensors: (item) => [joined(item.kind, item.name), joined(item.phenomenon_time ? t("ago", { span: span(Date.now() - Date.parse(text(item.phenomenon_time))) }) : null, item.code)],
  pipes: (item) => [joined(item.network, item.kind), joined(item.diameter_mm && value("diameter_mm", item.diameter_mm), item.material, item.depth_m && value("depth_m", item.depth_m))],
  pipe_nodes: (item) => [joined(item.kind, item.network), joined(item.source_key, item.state)],
  rivers: (item) => [text(item.name), joined(item.class, item.width_m && value("width_m", item.width_m))],
  help: (item) => [text(item.name), joined(item.kind, item.contact, item.road_s === null || item.road_s === undefined ? t("no_road") : t("by_road", { span: span(Number(item.road_s) * 1000) }))],
  hazards: (item) => [text(item.name), joined(item.kind, item.contact)],
  cell: (item) => [joined(item.code, item.name), joined(item.grid, item.manager)],
  building: (item) => [text(item.name) || text(item.address), joined(item.use, item.units ? t("units_count", { n: text(item.units) }) : "", item.storeys_above && t("event_storey", { n: text(item.storeys_above) }))],
  room: (item) => [joined(item.name ?? (item.storey_number === null ? null : t("event_storey", { n: text(item.storey_number) })), item.room), item.floor_area_m2 ? value("floor_area_m2", item.floor_area_m2) : ""],
  events: (item) => [text(item.title) || text(item.type), joined(severityTitle(item.severity as number | null), hour(text(item.occurred_at)))],
};

export function contextItem(viewer: Viewer, part: string, item: ContextItem): HTMLElement {
  const [name, detail] = TOLD[part]?.(item) ?? [text(item.name), ""];
  const id = Number(item.id ?? item.space_id ?? item.storey_id) || null;
  const center = typeof item.longitude === "number" ? [item.longitude, item.latitude as number] : null;
  const go = () => (part === "events" ? viewer.openEvent(id!, { center }) : viewer.select(id, { center }));
  return h("button", { type: "button", class: "row-button context-item", "data-goes-to": id, disabled: id === null, onclick: go },
    h("span", { class: "grow" }, h("span", { class: "event-line ellipsis" }, name || t("unnamed")),
      detail ? h("span", { class: "muted small-text ellipsis event-line" }, detail) : null),
    part === "sensors" ? reading(item) : null,
    typeof item.distance_m === "number" ? h("span", { class: "count" }, length(item.distance_m)) : null);
}

function reading(item: ContextItem): HTMLElement {
  const known = typeof item.value === "number";
  return h("span", { class: "event-end" },
    h("b", {}, known ? `${number(item.value as number)}${item.unit ? ` ${text(item.unit)}` : ""}` : t("empty_value")),
    item.is_stale ? h("span", { class: "chip stale" }, t("stale")) : null);
}
