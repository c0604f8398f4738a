/** A flood by level from a place or river, or by rain: what stands in water, how deep, and which roads are cut. */

import { command } from "../command_api";
import type { Flood, FloodBuildings, FloodPart, FloodWish } from "../command_types";
import { emptyState, fold, h } from "../dom";
import { area, compact, length, number } from "../format";
import { t } from "../i18n";
import type { Mark } from "../map/marks";
import { ringPolygon } from "../map/overlays";
import type { Viewer } from "../viewer";
import { AskingTool } from "./asking_tool";
import type { CommandHost } from "./command_host";
import { figures, reveal, tally } from "./figures";
import { objectList } from "./object_list";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { noteText } from "./said";
import { segments } from "./segments";
import { depthBars, depthLegend } from "./depths";
import { depthColor } from "../live/depth_words";

const MOST_RISE_M = 10;
const WAIT_MS = 250;
/** As many buildings are lit and listed. */
const LISTED = 5000;

type Mode = "rise" | "level" | "rain";

export class FloodTool extends AskingTool<Flood> {
  #mode: Mode = "rise";
  #place: Place | null = null;
  #rise = 2;
  #level = "";
  #mm = 80;
  #hours = 2;
  #timer = 0;
  /** What was asked last and answered, for roads to be closed by. */
  wish: FloodWish | null = null;

  constructor(host: CommandHost) {
    super(host, "flood");
  }

  override leave(): void {
    clearTimeout(this.#timer);
    super.leave();
    this.host.light.set(this.name, []);
  }

  render(): void {
    const choice = segments(t("flood_by"), [["rise", t("flood_by_rise")], ["level", t("flood_by_level")], ["rain", t("flood_by_rain")]], (mode) => {
      this.#mode = mode as Mode;
      this.render();
      this.element.querySelector<HTMLElement>(`[data-choice="${mode}"]`)?.focus();
    });
    choice.set(this.#mode);
    const fields = { rise: () => [this.#placeField(), this.#slider()], level: () => [this.#placeField(), this.#levelField()], rain: () => this.#rainFields() }[this.#mode]();
    const run = h("button", { type: "submit", class: "button primary", id: "flood-run" }, t("flood_run"));
    const form = h("form", { class: "command-form", novalidate: true }, choice.element, ...fields, h("div", { class: "actions" }, run));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask();
    });
    this.element.replaceChildren(h("p", { class: "muted small-text" }, t(this.#mode === "rain" ? "flood_rain_hint" : "flood_hint")), form, this.results);
    this.fill();
  }

  #placeField(): HTMLElement {
    return new PlaceField(this.host.viewer, this.host.pointing, "flood", t("flood_place"), this.#place, (place) => {
      this.#place = place;
      if (place && (this.#mode === "rise" || this.#level !== "")) void this.ask();
    }, false).element;
  }

  #slider(): HTMLElement {
    const told = h("output", { class: "slider-value" });
    const input = h("input", { type: "range", min: 0.1, max: MOST_RISE_M, step: 0.1, value: this.#rise, name: "rise_m", class: "grow" });
    const tell = () => {
      told.textContent = `${number(this.#rise, 1)} m`;
      input.setAttribute("aria-valuetext", told.textContent);
    };
    input.addEventListener("input", () => {
      this.#rise = input.valueAsNumber;
      tell();
      clearTimeout(this.#timer);
      if (this.#place) this.#timer = window.setTimeout(() => void this.ask(), WAIT_MS);
    });
    tell();
    return h("label", { class: "field" }, t("flood_rise"), h("span", { class: "slider-line" }, input, told));
  }

  #levelField(): HTMLElement {
    const input = h("input", { type: "number", class: "input", step: 0.1, min: -500, max: 9000, name: "level_m", value: this.#level });
    input.addEventListener("input", () => { this.#level = input.value; });
    return h("label", { class: "field" }, t("flood_level"), input);
  }

  #rainFields(): HTMLElement[] {
    const field = (label: string, name: string, value: number, max: number, set: (value: number) => void) => {
      const input = h("input", { type: "number", class: "input", min: 0.1, max, step: 0.1, name, value });
      input.addEventListener("input", () => set(input.valueAsNumber));
      return h("label", { class: "field" }, label, input);
    };
    return [h("div", { class: "field-pair" },
      field(t("flood_mm"), "mm", this.#mm, 1000, (value) => { this.#mm = value; }),
      field(t("flood_hours"), "hours", this.#hours, 72, (value) => { this.#hours = value; }))];
  }

  /** Rain falls on the stored zone, the drawn one, or what the map shows. */
  #within(): FloodWish["within"] {
    const { store, map } = this.host.viewer;
    if (store.state.storedZone !== null) return { zone: store.state.storedZone };
    if (store.state.zone) return ringPolygon(store.state.zone);
    const box = map.getBounds();
    return ringPolygon([[box.getWest(), box.getSouth()], [box.getEast(), box.getSouth()], [box.getEast(), box.getNorth()], [box.getWest(), box.getNorth()]]);
  }

  /** The wish as it stands; a text says what is missing. */
  #wish(): FloodWish | string {
    if (this.#mode === "rain") {
      if (!(this.#mm > 0) || !(this.#hours > 0)) return t("flood_rain_wrong");
      const within = this.#within();
      return { limit: LISTED, rain: { mm: this.#mm, hours: this.#hours }, ...(within && { within }) };
    }
    const place = this.#place;
    if (!place) return t("place_missing");
    const from = place.layer === "rivers" && place.object !== undefined ? { river: place.object } : { point: place.position };
    if (this.#mode === "rise") return { from, rise_m: this.#rise, limit: LISTED };
    return this.#level === "" || !Number.isFinite(Number(this.#level)) ? t("flood_level_wrong") : { from, level_m: Number(this.#level), limit: LISTED };
  }

  protected async ask(): Promise<void> {
    const wish = this.#wish();
    if (typeof wish === "string") {
      this.asking.forget();
      this.refuse(wish);
      return;
    }
    const answer = await this.asking.ask((signal) => command.flood(wish, signal));
    this.wish = answer ? wish : null;
    this.draw();
    if (answer) this.offer(answer.receipt);
  }

  protected draw(): void {
    const { answer } = this.asking;
    const { marks, light } = this.host;
    marks.set(this.name, [...answer ? floodMarks(answer) : [], ...this.#place && this.#mode !== "rain" ? [{ geometry: { type: "Point" as const, coordinates: this.#place.position }, color: "#ff8a00", radius: 7 }] : []]);
    const items = answer?.buildings.items ?? [];
    const depths = [...new Set(items.map(({ depth_m: depth }) => depthColor(depth ?? 0)))];
    light.set(this.name, depths.map((color) => ({ ids: items.filter(({ depth_m: depth }) => depthColor(depth ?? 0) === color).map(({ id }) => id), color })));
  }

  protected told(answer: Flood): (HTMLElement | string)[] {
    const { viewer } = this.host;
    if (!answer.extent.features.length) return [emptyState(t("flood_dry")), ...notices(viewer, answer), receiptFold(viewer, answer.receipt)];
    const { buildings, roads } = answer;
    const houses = fold(`${t("flood_buildings")} (${tally(buildings.count)})`, () => [depthBars(buildings.by_depth ?? []), objectList(viewer, (buildings.items ?? []).map(({ id, name, depth_m: m, storeys_wet: wet }) =>
      ({ id, name, detail: [m === null || m === undefined ? "" : `${number(m, 1)} m`, wet ? t("flood_storeys", { n: wet }) : ""].filter(Boolean).join(" · ") })), total(buildings))], true);
    const cut = fold(`${t("flood_roads")} (${tally(roads.count)})`, () => [objectList(viewer, (roads.items ?? []).map(({ id, name, length_m: m, depth_m: depth, position }) =>
      ({ id, name, center: position ?? null, detail: [m === null || m === undefined ? "" : length(m), depth ? `${number(depth, 1)} m` : ""].filter(Boolean).join(" · ") })), total(roads))]);
    const others = [...lostParts(answer.works, "flood_works"), ...lostParts(answer.resources, "flood_resources")].map(([title, part]) =>
      fold(`${title} (${tally(part.count ?? part.items?.length)})`, () => [objectList(viewer, (part.items ?? []).map(({ id, name, kind, depth_m: m, position }) =>
        ({ id, name, center: position ?? null, detail: [kind ?? "", m ? `${number(m, 1)} m` : ""].filter(Boolean).join(" · ") })), total(part))], false, "fold warn"));
    return [
      figures([
        { key: "area", value: area(answer.area_m2), label: t("inventory_area") },
        { key: "volume", value: `${compact(Math.round(answer.volume_m3))} m³`, label: t("flood_volume") },
        { key: "deepest", value: `${number(answer.deepest_m, 1)} m`, label: t("flood_deepest") },
        { key: "buildings", value: tally(buildings.count), label: t("flood_buildings"), open: () => reveal(houses) },
        { key: "people", ...people(buildings), open: () => reveal(houses) },
        { key: "roads", value: roads.length_m === undefined ? tally(roads.count) : length(roads.length_m), label: t("flood_roads"), open: () => reveal(cut) },
      ]),
      depthLegend(answer.extent.features.map(({ properties }) => properties)), ...notices(viewer, answer), houses, cut, ...others, receiptFold(viewer, answer.receipt),
    ];
  }
}

/** The best that is known of people: themselves, their households, their homes. */
function people({ residents, households, units }: FloodBuildings): { value: string; label: string } {
  if (residents !== null && residents !== undefined) return { value: tally(residents), label: t("cmd_persons") };
  if (households !== null && households !== undefined) return { value: tally(households), label: t("cmd_households") };
  return { value: tally(units), label: t("units") };
}

const total = (part: FloodPart): number | undefined => (typeof part.count === "number" ? part.count : undefined);

/** Works and resources come as one list, or as one for each kind. */
function lostParts(found: Flood["works"], title: "flood_works" | "flood_resources"): [string, FloodPart][] {
  if (!found) return [];
  const named: [string, FloodPart][] = "items" in found || "count" in found ? [[t(title), found as FloodPart]]
    : Object.entries(found).filter((each): each is [string, FloodPart] => typeof each[1] === "object" && each[1] !== null)
      .map(([name, part]) => [`${t(title)} · ${name}`, Array.isArray(part) ? { count: part.length, items: part } : part]);
  return named.filter(([, part]) => part.count !== 0 && (part.items?.length ?? part.count ?? 0) !== 0);
}

/** What makes the answer less than it seems; how it was reckoned is told by the receipt. */
const WARNINGS = ["edge", "voids", "coarser", "small_counts"];

const notices = (viewer: Viewer, { notes }: Flood): HTMLElement[] => (notes ?? []).filter(({ code }) => WARNINGS.includes(code)).map((note) => h("p", { class: "notice" }, noteText(viewer, note)));

function floodMarks({ extent }: Flood): Mark[] {
  return [...extent.features].sort((a, b) => a.properties.depth_from_m - b.properties.depth_from_m)
    .map(({ geometry, properties }) => ({ geometry, color: depthColor(properties.depth_from_m), opacity: 0.62, width: 0 }));
}

