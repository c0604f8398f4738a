/** The form for a zone: what it is called, and what it is made from; also for changing one. */

import { ApiError } from "../api";
import { command } from "../command_api";
import type { Zone, ZoneWish } from "../command_types";
import { h } from "../dom";
import { number } from "../format";
import { t, type Word } from "../i18n";
import { icon } from "../icons";
import { ringPolygon } from "../map/overlays";
import type { Pointing } from "../tools/pointing";
import type { Position } from "../types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { operatorField } from "./operator";
import { PlaceField, type Place } from "./place_field";
import { segments } from "./segments";

const SOURCES = ["geometry", "buffer", "area_code", "objects", "isochrone"] as const;
type Source = (typeof SOURCES)[number];
const SOURCE_WORDS: Record<Source, Word> = {
  geometry: "zone_by_drawing", buffer: "zone_by_buffer", area_code: "zone_by_code", objects: "zone_by_objects", isochrone: "zone_by_isochrone",
};
const MOST_BUFFER_M = 20_000;

export interface FormHost {
  viewer: Viewer;
  pointing: Pointing;
  /** Called with the zone that came of it, or null where nothing did. */
  done: (zone: Zone | null) => void;
  /** Somebody else was faster: reads what the zone is now. */
  conflict: () => Promise<{ zone: Zone; by: string | null }>;
}

export class ZoneForm {
  readonly element = h("form", { class: "command-form zone-form", novalidate: true });
  #source: Source = "geometry";
  #place: Place | null = null;
  #busy = false;
  #by = operatorField();
  #name = h("input", { type: "text", class: "input", required: true, maxlength: 120, name: "name" });
  #note = h("textarea", { class: "input", rows: 2, maxlength: 2000, name: "note" });
  #metres = h("input", { type: "number", class: "input", min: 1, max: MOST_BUFFER_M, step: 1, value: 300, name: "distance_m" });
  #minutes = h("input", { type: "number", class: "input", min: 1, max: 60, step: 1, value: 10, name: "minutes" });
  #code = h("input", { type: "text", class: "input mono", inputmode: "numeric", pattern: "\\d{6,15}", maxlength: 15, name: "area_code" });
  #codes = h("textarea", { class: "input mono", rows: 3, name: "codes" });
  #ofUnits = h("input", { type: "checkbox", class: "switch", role: "switch", name: "of_units" });
  #problem = h("p", { class: "form-error", role: "alert" });

  /** was: the zone that is changed; ring: what was drawn already. */
  constructor(private readonly host: FormHost, private was: Zone | null, private ring: Position[] | null) {
    this.#name.value = was?.properties.name ?? "";
    this.#note.value = was?.properties.note ?? "";
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#send();
    });
    this.render();
  }

  render(): void {
    const choice = segments(t("zone_source"), SOURCES.map((source) => [source, t(SOURCE_WORDS[source])]), (source) => {
      this.#source = source as Source;
      this.render();
      this.element.querySelector<HTMLElement>(`[data-choice="${source}"]`)?.focus();
    });
    choice.set(this.#source);
    const field = (label: string, input: HTMLElement) => h("label", { class: "field" }, label, input);
    this.element.replaceChildren(
      field(t("name"), this.#name), choice.element, ...this.#fields(field), field(t("zone_note"), this.#note), this.#by.refresh(), this.#problem,
      h("div", { class: "actions" },
        h("button", { type: "submit", class: "button primary", disabled: this.#busy }, this.was ? t("zone_change") : t("zone_make")),
        h("button", { type: "button", class: "button", onclick: () => this.host.done(null) }, t("draw_cancel"))));
  }

  #fields(field: (label: string, input: HTMLElement) => HTMLElement): (HTMLElement | string)[] {
    const { viewer, pointing } = this.host;
    const place = (label: string) => new PlaceField(viewer, pointing, "zone", label, this.#place, (chosen) => { this.#place = chosen; }).element;
    const fields: Record<Source, () => HTMLElement[]> = {
      geometry: () => [this.#drawLine()],
      buffer: () => [place(t("zone_around")), field(t("zone_metres"), this.#metres)],
      area_code: () => [field(t("zone_code"), this.#code), h("p", { class: "muted small-text" }, t("zone_code_hint"))],
      objects: () => [field(t("zone_codes"), this.#codes), h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: () => this.#addSelected() }, icon("building"), t("zone_add_selected"))),
        h("label", { class: "look-switch" }, this.#ofUnits, t("zone_of_units"))],
      isochrone: () => [place(t("route_from")), field(t("zone_minutes"), this.#minutes)],
    };
    return fields[this.#source]();
  }

  #drawLine(): HTMLElement {
    const drawn = this.ring ? t("zone_corners", { n: this.ring.length }) : this.was ? t("zone_shape_kept") : t("zone_not_drawn");
    const draw = () => this.host.viewer.startDrawing((ring) => {
      this.ring = ring;
      this.render();
      this.#name.focus();
    });
    return h("div", { class: "field-line" }, h("span", { class: "muted" }, drawn),
      h("button", { type: "button", class: "button", "data-draw": "zone", onclick: draw }, icon("draw"), this.ring ?? this.was ? t("inventory_redraw") : t("zone_draw")));
  }

  #addSelected(): void {
    const { selection } = this.host.viewer.store.state;
    if (selection === null) this.#fail(t("place_no_object"));
    else this.#codes.value = [...this.#listed(), String(selection)].join("\n");
  }

  #listed(): string[] {
    return this.#codes.value.split(/[\s,，;；]+/).filter(Boolean);
  }

  /** What the zone is made from; a text says what is missing. */
  #from(): Partial<ZoneWish> | string {
    const metres = this.#metres.valueAsNumber;
    const place = this.#place;
    const listed = this.#listed().map((each) => (/^\d{1,9}$/.test(each) ? Number(each) : each));
    const sources: Record<Source, () => Partial<ZoneWish> | string> = {
      geometry: () => (this.ring ? { geometry: ringPolygon(this.ring) } : this.was?.geometry ? { geometry: this.was.geometry } : t("zone_draw_first")),
      buffer: () => (!place ? t("place_missing") : !(metres > 0 && metres <= MOST_BUFFER_M) ? t("zone_metres_wrong", { n: number(MOST_BUFFER_M, 0) })
        : { buffer: { ...(place.object === undefined ? { geometry: { type: "Point", coordinates: place.position } } : { object: place.object }), distance_m: metres } }),
      area_code: () => (/^\d{6,15}$/.test(this.#code.value.trim()) ? { area_code: this.#code.value.trim() } : t("zone_code_hint")),
      objects: () => (listed.length ? { [this.#ofUnits.checked ? "units" : "buildings"]: listed } : t("zone_codes_missing")),
      isochrone: () => (place ? { isochrone: { from: place.position, minutes: this.#minutes.valueAsNumber, profile: "car" } } : t("place_missing")),
    };
    return sources[this.#source]();
  }

  #fail(text: string, field?: HTMLElement): void {
    this.#problem.textContent = text;
    field?.focus();
  }

  async #send(): Promise<void> {
    this.#problem.textContent = "";
    const [name, by, note] = [this.#name.value.trim(), this.#by.input.value.trim(), this.#note.value.trim()];
    if (!name) return this.#fail(t("cmd_name_needed"), this.#name);
    if (!by) return this.#fail(t("step_by_needed"), this.#by.input);
    const from = this.#from();
    if (typeof from === "string") return this.#fail(from);
    const { was } = this;
    const kind = was?.properties.kind;
    const wish: ZoneWish = { name, by, ...(note && { note }), ...(kind && { kind }), ...from };
    this.#setBusy(true);
    try {
      this.host.done(was ? await command.changeZone(was.id, { ...wish, version: was.properties.version }) : await command.makeZone(wish));
    } catch (error) {
      this.#setBusy(false);
      if (error instanceof ApiError && error.status === 409) await this.#explainConflict(error);
      else this.#fail(reasonOf(error));
    }
  }

  /** What was written here stays; a second try goes on from what the other has made of the zone. */
  async #explainConflict(error: ApiError): Promise<void> {
    const now = await this.host.conflict().catch(() => null);
    if (!now) return this.#fail(reasonOf(error));
    const { version, name } = now.zone.properties;
    this.#fail(t("zone_conflict", { who: now.by ?? "?", version, name: name ?? "" }));
    this.was = now.zone;
  }

  #setBusy(busy: boolean): void {
    this.#busy = busy;
    this.element.querySelector<HTMLButtonElement>("[type=submit]")!.disabled = busy;
  }
}
