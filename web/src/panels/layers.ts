/** The list of all layers by theme: switch, legend, count, opacity, zoom to. */

import { emptyState, h, iconButton } from "../dom";
import { compact, day } from "../format";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import type { LayerInfo, LegendEntry } from "../types";
import { MODELS, type Viewer } from "../viewer";
import { UNITS } from "../live_types";
import { unitList } from "./unit_list";

const EVENTS = "events";

interface Row {
  id: string;
  title: string;
  count: number | null;
  on: boolean;
  switchable: boolean;
  swatch: LegendEntry[];
  geometry: string;
  hint: string;
  zoom: (() => void) | null;
  body: () => (Node | null)[];
}

export class LayersPanel {
  readonly element = h("aside", { id: "layers", class: "panel layers" });
  #list = h("div", { class: "layer-list" });
  #filter = "";
  #opened = new Set<string>();
  #closedThemes = new Set<string>();
  /** The units that are listed. */
  #units = "";

  constructor(private readonly viewer: Viewer, private readonly onClose: () => void) {
    this.render();
    viewer.store.watch(["switched", "opacity", "hillshade"], () => this.#sync());
    viewer.store.watch(["lang"], () => this.render());
    viewer.units.watch(() => this.#countUnits());
    viewer.map.on("zoomend", () => this.#markZoom());
  }

  /** Units come and go while one looks. */
  #countUnits(): void {
    const named = [...this.viewer.units.all.values()].map(({ code, name }) => name ?? code).sort().join();
    if (named === this.#units) return;
    this.#units = named;
    this.#fill();
  }

  render(): void {
    const input = h("input", {
      type: "search", class: "input", placeholder: t("layers_filter"), "aria-label": t("layers_filter"), value: this.#filter,
      oninput: (event: InputEvent) => {
        this.#filter = (event.target as HTMLInputElement).value.trim().toLowerCase();
        this.#fill();
      },
    });
    this.element.setAttribute("aria-label", t("layers"));
    this.element.replaceChildren(
      h("header", { class: "panel-head" }, h("h2", {}, t("layers")), iconButton("close", t("layers_close"), this.onClose)),
      h("div", { class: "layer-filter" }, input), this.#list,
    );
    this.#fill();
  }

  #fill(): void {
    const groups = this.#groups();
    this.#list.replaceChildren(...groups.map(({ id, title, rows }) => this.#theme(id, title, rows)));
    if (!groups.length) this.#list.append(emptyState(t("layers_none")));
    this.#markZoom();
  }

  #groups(): { id: string; title: string; rows: Row[] }[] {
    const groups = new Map<string, { id: string; title: string; rows: Row[] }>();
    const add = (id: string, title: string, row: Row) => {
      if (this.#filter && !`${row.title} ${row.id} ${title}`.toLowerCase().includes(this.#filter)) return;
      const group = groups.get(id) ?? { id, title, rows: [] };
      group.rows.push(row);
      groups.set(id, group);
    };
    const { layers } = this.viewer;
    if (!layers.some((layer) => layer.id === MODELS)) add(MODELS, t("models_theme"), this.#modelsRow());
    for (const layer of layers) {
      const row = layer.id === MODELS ? this.#modelsRow() : this.#layerRow(layer);
      add(layer.theme.id, titleOf(layer.theme.title, layer.theme.id), row);
    }
    const events = layers.find((layer) => layer.id === EVENTS)?.theme;
    if (this.viewer.units.all.size) add(events?.id ?? UNITS, titleOf(events?.title, t("units_layer")), this.#unitsRow());
    if (this.viewer.config.terrain && !this.viewer.layers.some((layer) => layer.kind === "raster")) {
      add("terrain", t("basemap"), this.#hillshadeRow());
    }
    return [...groups.values()];
  }

  #layerRow(layer: LayerInfo): Row {
    const { store, styles } = this.viewer;
    if (layer.kind === "raster") return { ...this.#hillshadeRow(), title: titleOf(layer.title, layer.id), zoom: this.#zoom(layer) };
    return {
      id: layer.id, title: titleOf(layer.title, layer.id), count: layer.count, on: styles.isOn(layer, store.state),
      switchable: layer.tiles !== null, swatch: layer.legend, geometry: layer.geometry_type,
      hint: layer.tiles ? "" : t("no_map_view"), zoom: this.#zoom(layer), body: () => this.#settings(layer),
    };
  }

  #zoom(layer: LayerInfo): (() => void) | null {
    return layer.bounds ? () => this.viewer.flyTo({ bounds: layer.bounds }, 16) : null;
  }

  #hillshadeRow(): Row {
    return {
      id: "hillshade", title: t("terrain"), count: null, on: this.viewer.store.state.hillshade, switchable: this.viewer.config.terrain,
      swatch: [{ label: { zh: "", en: "" }, color: "#8c9aa8", value: null }], geometry: "raster", hint: "", zoom: null, body: () => [],
    };
  }

  #modelsRow(): Row {
    const { models, store, layers } = this.viewer;
    const layer = layers.find((each) => each.id === MODELS);
    return {
      id: MODELS, title: titleOf(layer?.title, t("models")), count: models.length, on: store.state.switched[MODELS] ?? true, switchable: true,
      swatch: [{ label: { zh: "", en: "" }, color: "#c7772e", value: null }], geometry: "polygon", hint: "", zoom: null,
      body: () => this.#modelList(),
    };
  }

  #unitsRow(): Row {
    const { store, units } = this.viewer;
    return {
      id: UNITS, title: t("units_layer"), count: units.all.size, on: store.state.switched[UNITS] ?? true, switchable: true,
      swatch: [{ label: { zh: "", en: "" }, color: "#27408f", value: null }], geometry: "point", hint: "", zoom: null, body: () => [unitList(this.viewer)],
    };
  }

  #theme(id: string, title: string, rows: Row[]): HTMLElement {
    const details = h("details", { class: "theme", open: !this.#closedThemes.has(id) || this.#filter !== "" },
      h("summary", {}, icon("chevron"), h("span", { class: "grow" }, title), h("span", { class: "count" }, rows.length)),
      ...rows.map((row) => this.#row(row)),
    );
    details.addEventListener("toggle", () => (details.open ? this.#closedThemes.delete(id) : this.#closedThemes.add(id)));
    return details;
  }

  #row(row: Row): HTMLElement {
    const opened = this.#opened.has(row.id);
    const body = h("div", { class: "layer-body", hidden: !opened, id: `layer-body-${row.id}` });
    if (opened) body.append(...row.body().filter((node) => node !== null));
    const box = h("input", {
      type: "checkbox", class: "switch", role: "switch", checked: row.on && row.switchable, disabled: !row.switchable, title: row.hint || t("layer_show"),
      onchange: (event: Event) => this.#toggle(row.id, (event.target as HTMLInputElement).checked),
    });
    const more = iconButton("chevron", `${row.title}: ${t("layer_more")}`, () => {
      if (this.#opened.delete(row.id)) body.hidden = true;
      else {
        this.#opened.add(row.id);
        body.replaceChildren(...row.body().filter((node) => node !== null));
        body.hidden = false;
      }
      more.setAttribute("aria-expanded", String(!body.hidden));
    }, { "aria-expanded": String(opened), class: "icon-button small expander" });
    return h("div", { class: `layer ${row.switchable ? "" : "quiet"}`, "data-layer": row.id },
      h("div", { class: "layer-row" },
        h("label", { class: "layer-label", title: row.hint || row.title }, box, swatch(row.swatch, row.geometry), h("span", { class: "layer-title" }, row.title)),
        row.count === null ? null : h("span", { class: "count", title: row.count.toLocaleString() }, compact(row.count)),
        row.zoom && iconButton("target", `${row.title}: ${t("layer_zoom")}`, row.zoom, { class: "icon-button small zoomer" }),
        more),
      body);
  }

  #toggle(id: string, on: boolean): void {
    const { store, layers } = this.viewer;
    if (id === "hillshade") {
      store.set("hillshade", on);
      return;
    }
    const standard = id === MODELS || id === UNITS ? true : layers.find((layer) => layer.id === id)?.visible;
    const { [id]: _, ...others } = store.state.switched;
    store.set("switched", on === standard ? others : { ...others, [id]: on });
  }

  #settings(layer: LayerInfo): (Node | null)[] {
    const facts: [string, string | null][] = [
      [t("updated"), layer.updated_at && day(layer.updated_at)], [t("owner"), layer.owner],
      [t("source"), layer.source], [t("licence"), layer.licence],
    ];
    const known = facts.filter(([, value]) => value);
    return [
      layer.legend.length > 1 ? legend(layer.legend, layer.geometry_type) : null,
      layer.tiles ? this.#opacity(layer.id) : null,
      known.length ? h("dl", { class: "facts" }, ...known.flatMap(([name, value]) => [h("dt", {}, name), h("dd", {}, value)])) : null,
    ];
  }

  #opacity(id: string): HTMLElement {
    const { store } = this.viewer;
    return h("label", { class: "opacity" }, t("opacity"), h("input", {
      type: "range", min: 0.1, max: 1, step: 0.05, value: store.state.opacity[id] ?? 1,
      oninput: (event: Event) => {
        const value = Number((event.target as HTMLInputElement).value);
        const { [id]: _, ...others } = store.state.opacity;
        store.set("opacity", value === 1 ? others : { ...others, [id]: value });
      },
    }));
  }

  #modelList(): Node[] {
    const { models } = this.viewer;
    if (!models.length) return [emptyState(t("models_none"))];
    return [h("ul", { class: "model-list" }, ...models.map((model) => h("li", {}, h("button", {
      type: "button", class: "row-button", disabled: !model.center,
      onclick: () => {
        this.viewer.openModel(model.id);
        this.viewer.flyTo({ bounds: model.bounds, center: model.center }, 17.5);
      },
    }, h("span", { class: "grow ellipsis" }, model.name),
    h("span", { class: "count" }, model.center ? `${compact(model.elements)} ${t("elements")}` : t("models_waiting"))))))];
  }

  #sync(): void {
    const { store, layers, styles } = this.viewer;
    const on = (id: string) => {
      if (id === "hillshade") return store.state.hillshade;
      if (id === MODELS || id === UNITS) return store.state.switched[id] ?? true;
      const layer = layers.find((each) => each.id === id);
      return layer ? layer.tiles !== null && styles.isOn(layer, store.state) : false;
    };
    for (const row of this.#list.querySelectorAll<HTMLElement>("[data-layer]")) {
      row.querySelector<HTMLInputElement>("input.switch")!.checked = on(row.dataset.layer!);
    }
  }

  /** A layer that is on but has no tiles at this zoom is dimmed, with the reason as its title. */
  #markZoom(): void {
    const zoom = this.viewer.map.getZoom();
    for (const layer of this.viewer.layers) {
      const row = this.#list.querySelector<HTMLElement>(`[data-layer="${CSS.escape(layer.id)}"] .layer-label`);
      if (!row || !layer.tiles) continue;
      const hidden = zoom < layer.min_zoom;
      row.classList.toggle("far", hidden);
      row.title = hidden ? t("not_at_zoom") : titleOf(layer.title, layer.id);
    }
  }
}

/** The layer's colours in small: one for a plain layer, a few side by side for a classified one. */
export function swatch(entries: LegendEntry[], geometry: string): HTMLElement {
  const colors = entries.slice(0, 4).map((entry) => entry.color);
  const element = h("span", { class: `swatch ${geometry}`, "aria-hidden": "true" });
  const steps = colors.map((color, i) => `${color} ${(i / colors.length) * 100}% ${((i + 1) / colors.length) * 100}%`);
  if (colors.length) element.style.background = colors.length === 1 ? colors[0]! : `linear-gradient(135deg, ${steps.join(",")})`;
  return element;
}

function legend(entries: LegendEntry[], geometry: string): HTMLElement {
  return h("ul", { class: "legend" }, ...entries.map((entry) => h("li", {}, swatch([entry], geometry), titleOf(entry.label, entry.value ?? ""))));
}
