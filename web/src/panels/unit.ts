/** A mobile unit's card: what it is, how old its last position is, how fast it goes, and where it has been. */

import type { LineString } from "geojson";
import { ApiError, api } from "../api";
import { errorState, fold, h, iconButton, spinner } from "../dom";
import { dateTime, number } from "../format";
import { t } from "../i18n";
import { throttled } from "../live";
import { span } from "../live/event_words";
import { unitKind, unitState } from "../live/unit_words";
import type { Trail, UnitFacts } from "../live_types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import type { SidePanel } from "./side";

const REFRESH_MS = 2000;
const TICK_MS = 1000;
const LISTED = 200;
const KMH = 3.6;

export class UnitPanel {
  #trail: Trail | null = null;
  #asked = 0;
  #age = h("span", { class: "unit-age" });
  #refresh = throttled<string>(() => void this.#read(), REFRESH_MS);

  /** onTrail() is called with the way that is to be drawn, or null. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, private readonly onTrail: (line: LineString | null) => void) {
    const { store, units } = viewer;
    store.watch(["unit"], () => void this.open(store.state.unit));
    store.watch(["lang"], () => { if (this.#trail) this.#show(this.#trail, false); });
    units.watch(() => this.#follow());
    setInterval(() => this.#tick(), TICK_MS);
  }

  async open(code: string | null): Promise<void> {
    this.#trail = null;
    this.#asked += 1;
    this.onTrail(null);
    if (code === null) {
      this.side.hide("unit");
      return;
    }
    this.#page(h("div", { class: "panel-body" }, spinner(t("loading"))), true);
    await this.#read();
  }

  async #read(): Promise<void> {
    const code = this.viewer.store.state.unit;
    const ask = (this.#asked += 1);
    if (code === null) return;
    try {
      const trail = await api.trail(code);
      if (ask !== this.#asked) return;
      this.#trail = trail;
      this.onTrail(trail.geometry?.type === "LineString" ? trail.geometry : null);
      this.#show(trail, false);
    } catch (error) {
      if (ask !== this.#asked) return;
      const isGone = error instanceof ApiError && error.status === 404;
      this.#page(h("div", { class: "panel-body" }, isGone ? errorState(t("unit_gone"), "") : errorState(t("error"), reasonOf(error), () => void this.#read())), false);
    }
  }

  /** Reads anew when the unit has moved. */
  #follow(): void {
    const trail = this.#trail;
    const known = trail && this.viewer.units.all.get(trail.id);
    if (known && known.time > Date.parse(trail.properties.time)) this.#refresh(trail.id);
  }

  #page(body: HTMLElement, front: boolean): void {
    this.side.show("unit", "unit", body, () => this.viewer.store.set("unit", null), front);
  }

  #show(trail: Trail, front: boolean): void {
    const told = trail.properties;
    const open = this.side.element.querySelector<HTMLDetailsElement>(".unit-trail")?.open ?? false;
    const at = this.viewer.units.all.get(trail.id)?.at ?? lastPlace(trail);
    this.#tick();
    this.#page(h("div", { class: "panel-body unit-card", "data-unit": trail.id, "data-positions": told.positions },
      h("div", { class: "object-head" },
        h("div", { class: "grow" },
          h("div", { class: "chips" }, h("span", { class: "chip" }, unitKind(told.kind)), told.state ? h("span", { class: "chip quiet" }, unitState(told.state)) : null),
          h("h3", { class: "object-name" }, told.name ?? trail.id),
          h("div", { class: "muted small-text" }, [told.name ? trail.id : "", told.owner].filter(Boolean).join(" · "))),
        at && iconButton("target", t("zoom_to"), () => this.viewer.flyTo({ center: at }))),
      h("div", { class: "figures" },
        h("div", { class: `figure ${isSilent(told) ? "warn" : ""}`, "data-figure": "age" }, h("b", {}, this.#age), h("span", {}, isSilent(told) ? `${t("unit_position")} · ${t("stale")}` : t("unit_position"))),
        h("div", { class: "figure", "data-figure": "speed" }, h("b", { "data-speed": told.speed_m_s }, told.speed_m_s === null ? t("empty_value") : `${number(told.speed_m_s * KMH, 0)} km/h`), h("span", {}, t("unit_speed")))),
      facts(told),
      fold(h("span", { class: "part-line" }, h("span", { class: "grow part-title" }, t("unit_trail")), h("b", { class: "count strong", "data-count": told.positions }, number(told.positions, 0))),
        () => [positions(trail)], open, "fold part unit-trail")), front);
  }

  #tick(): void {
    const told = this.#trail?.properties;
    if (told) this.#age.textContent = t("ago", { span: span(Date.now() - Date.parse(told.time)) });
  }
}

const isSilent = (told: UnitFacts): boolean => Date.parse(told.stale_at) < Date.now();

function lastPlace({ geometry }: Trail): number[] | null {
  if (!geometry) return null;
  return geometry.type === "Point" ? geometry.coordinates : geometry.coordinates.at(-1)!;
}

function facts(told: UnitFacts): HTMLElement {
  const known: [string, string | null][] = [
    [t("unit_time"), dateTime(told.time)],
    [t("unit_heading"), told.heading_deg === null ? null : `${number(told.heading_deg, 0)}°`],
    [t("unit_height"), told.height_m === null ? null : `${number(told.height_m, 0)} m`],
    [t("accuracy"), told.accuracy_m === null ? null : `±${number(told.accuracy_m, 0)} m`],
  ];
  return h("dl", { class: "facts" }, ...known.filter(([, text]) => text !== null).flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)]));
}

/** The positions of the trail, the latest first. */
function positions({ properties: { times, speeds_m_s: speeds, positions: all } }: Trail): HTMLElement {
  if (!times.length) return h("p", { class: "muted small-text" }, t("unit_trail_none"));
  const rows = times.map((time, i) => [time, speeds[i] ?? null] as const).reverse().slice(0, LISTED);
  return h("div", {},
    rows.length < all ? h("p", { class: "muted small-text" }, t("unit_trail_cut", { n: rows.length })) : null,
    h("ol", { class: "event-log unit-positions" }, ...rows.map(([time, speed]) => h("li", {},
      h("span", { class: "grow" }, new Date(time).toLocaleTimeString()), h("span", { class: "count" }, speed === null ? "" : `${number(speed * KMH, 0)} km/h`)))));
}
