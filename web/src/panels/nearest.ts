/** The nearest of a kind: hospitals, fire stations, shelters, hydrants, cameras; straight or by road. */

import { command } from "../command_api";
import type { Nearest, NearItem } from "../command_types";
import { emptyState, h } from "../dom";
import { length } from "../format";
import { t, titleOf } from "../i18n";
import { span } from "../live/event_words";
import type { Mark } from "../map/marks";
import { layerInfo, type Viewer } from "../viewer";
import { AskingTool } from "./asking_tool";
import type { CommandHost } from "./command_host";
import { receiptButton } from "./figures";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { segments } from "./segments";

const FOUND = "#16915a";
const MOST = 50;
const RESOURCES = "resources";
/** Layers of things that one looks for the nearest of. */
const LAYERS = [RESOURCES, "cameras", "sensors", "parking", "pipe_nodes"];

export class NearestTool extends AskingTool<Nearest> {
  #place: Place | null = null;
  #what = RESOURCES;
  #n = 5;
  #by: "straight" | "road" = "road";

  constructor(host: CommandHost) {
    super(host, "nearest");
  }

  render(): void {
    const { viewer, pointing } = this.host;
    const place = new PlaceField(viewer, pointing, "nearest", t("nearest_place"), this.#place, (chosen) => {
      this.#place = chosen;
      this.draw();
      if (chosen) void this.ask();
    });
    const what = h("select", { class: "input", name: "what" }, ...this.#choices().map(([value, title]) => h("option", { value, selected: value === this.#what }, title)));
    what.addEventListener("change", () => { this.#what = what.value; void this.ask(); });
    const n = h("input", { type: "number", class: "input", name: "n", min: 1, max: MOST, value: this.#n });
    n.addEventListener("change", () => { this.#n = Math.min(MOST, Math.max(1, n.valueAsNumber || 1)); void this.ask(); });
    const by = segments(t("nearest_by"), [["road", t("nearest_road")], ["straight", t("nearest_straight")]], (chosen) => {
      this.#by = chosen as "straight" | "road";
      by.set(chosen);
      void this.ask();
    });
    by.set(this.#by);
    const form = h("form", { class: "command-form", novalidate: true }, place.element,
      h("div", { class: "field-pair wide-first" }, h("label", { class: "field" }, t("nearest_what"), what), h("label", { class: "field" }, t("count"), n)), by.element,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "nearest-run" }, t("nearest_run"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask(true);
    });
    this.element.replaceChildren(form, this.results);
    this.fill();
  }

  /** Layers, and kinds of resources and pipe nodes, as layer or layer:kind. */
  #choices(): [string, string][] {
    return LAYERS.flatMap((id): [string, string][] => {
      const layer = layerInfo(this.host.viewer, id);
      if (!layer?.count) return [];
      const kinds = [RESOURCES, "pipe_nodes"].includes(id) ? layer.legend.filter(({ value }) => value) : [];
      return [[id, titleOf(layer.title, id)], ...kinds.map(({ value, label }): [string, string] => [`${id}:${value!}`, `${titleOf(layer.title, id)} · ${titleOf(label, value!)}`])];
    });
  }

  protected async ask(wanted = false): Promise<void> {
    if (!this.#place) {
      if (wanted) this.refuse(t("place_missing"));
      return;
    }
    const [layer = RESOURCES, kind] = this.#what.split(":");
    const from = this.#place.position;
    const answer = await this.asking.ask((signal) => command.nearest({ from, layer, n: this.#n, by: this.#by, ...(kind && { kind }) }, signal));
    this.draw();
    if (answer) this.offer(answer.receipt);
  }

  protected draw(): void {
    const marks: Mark[] = (this.asking.answer?.items ?? []).map(({ position, name }) => ({ geometry: { type: "Point", coordinates: position }, color: FOUND, radius: 8, label: name ?? "" }));
    if (this.#place) marks.push({ geometry: { type: "Point", coordinates: this.#place.position }, color: "#ff8a00", radius: 8 });
    this.host.marks.set(this.name, marks);
  }

  protected told(answer: Nearest): HTMLElement[] {
    return nearList(this.host.viewer, answer);
  }
}

function nearList(viewer: Viewer, { items, receipt }: Nearest): HTMLElement[] {
  if (!items.length) return [emptyState(t("nearest_none")), receiptFold(viewer, receipt)];
  const far = ({ distance_m: m, road_m: road, seconds }: NearItem) =>
    [seconds === null || seconds === undefined ? "" : span(seconds * 1000), typeof road === "number" ? length(road) : m === null ? "" : `${t("nearest_air")} ${length(m)}`].filter(Boolean).join(" · ");
  const rows = items.map((item) => h("li", {}, h("button", { type: "button", class: "row-button", "data-id": item.id, onclick: () => viewer.select(item.id, { center: item.position }) },
    h("span", { class: "grow ellipsis" }, item.name ?? `#${item.id}`), h("span", { class: "count" }, far(item)))));
  return [h("ol", { class: "links near-list", "data-near": items.length }, ...rows), h("div", { class: "list-foot" }, h("span", { class: "grow" }), receiptButton()), receiptFold(viewer, receipt)];
}
