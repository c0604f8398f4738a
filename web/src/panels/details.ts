/** One object: its attributes with the source of each, where it comes from, what it belongs to. */

import { ApiError, api } from "../api";
import { emptyState, errorState, fold, h, iconButton, spinner } from "../dom";
import { dateTime, day, value } from "../format";
import { attributeRank, attributeTitle, language, t, titleOf, word } from "../i18n";
import { className } from "../i18n/ifc";
import { icon } from "../icons";
import { showSelection } from "../map/overlays";
import type { CityObject, FieldSource, Link } from "../types";
import { layerInfo, type Viewer } from "../viewer";
import { cameraSection, followCamera } from "./camera";
import { dossierSections } from "./dossier";
import { ELEMENT_EXTRA, elementActions, propertySets } from "./element";
import { reasonOf } from "./failure";
import { sensorSection } from "./sensor";
import type { SidePanel } from "./side";

const EVENTS = "events";
const UNIT_IN_TITLE = /[)）]$/;

/** What is empty says nothing, and numbers of other objects are shown as links. */
function isShown(name: string, raw: unknown): boolean {
  return raw !== null && raw !== "" && !(name.endsWith("_id") && typeof raw === "number");
}

export class DetailsPanel {
  #object: CityObject | null = null;
  #asked = 0;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    viewer.store.watch(["selection"], (state) => void this.open(state.selection));
    viewer.store.watch(["lang"], () => this.#object && this.#show(this.#object, false));
  }

  async open(id: number | null): Promise<void> {
    const ask = (this.#asked += 1);
    if (id === null) {
      this.#object = null;
      this.mark();
      this.side.hide("object");
      return;
    }
    this.#page(spinner(t("loading")));
    try {
      const object = await api.object(id);
      if (ask !== this.#asked) return;
      if (object.layer === EVENTS) {
        // an event has a page of its own
        this.viewer.select(null);
        this.viewer.openEvent(object.id);
        return;
      }
      this.#object = object;
      this.mark();
      this.#show(object);
    } catch (error) {
      if (ask === this.#asked) this.#page(this.#failure(error, id));
    }
  }

  /** Marks the object where it is drawn. */
  mark(): void {
    const object = this.#object;
    const { map, extrusions, scene, city } = this.viewer;
    // what is marked in its own shape needs no outline: the one on the ground would lie beside a pipe below it
    const isOutlined = object && object.layer !== "elements" && !(object.layer === "pipes" && city?.draws("pipes"));
    showSelection(map, isOutlined ? object : null);
    extrusions.select(object?.layer === "buildings" ? object.id : null);
    scene?.select(object?.id ?? null);
    city?.select(object?.id ?? null);
    followCamera(this.viewer, object);
  }

  #failure(error: unknown, id: number): HTMLElement {
    if (error instanceof ApiError && error.status === 404) return errorState(t("not_found"), "");
    return errorState(t("error"), reasonOf(error), () => void this.open(id));
  }

  #page(body: HTMLElement): void {
    const page = h("div", { class: "panel-body" }, body);
    this.side.show("object", "attributes", page, () => this.viewer.select(null));
  }

  #show(object: CityObject, front = true): void {
    const body = h("div", { class: "panel-body", "data-object": object.id }, this.#head(object));
    if (object.layer === "buildings") body.append(dossierSections(this.viewer, object.id));
    if (object.layer === "sensors") body.append(sensorSection(object));
    if (object.layer === "cameras") body.append(cameraSection(this.viewer, object));
    const actions = elementActions(this.viewer, object);
    if (actions) body.append(actions);
    body.append(
      ...(actions ? propertySets(object) : []),
      fold(t("attributes"), () => [this.#attributes(object)], true),
      ...this.#extra(object), ...provenance(object), ...this.#links(object),
    );
    this.side.show("object", "attributes", body, () => this.viewer.select(null), front);
  }

  #head(object: CityObject): HTMLElement {
    const code = object.attributes.code;
    return h("div", { class: "object-head" },
      h("div", { class: "grow" },
        h("div", { class: "chips" }, h("span", { class: "chip" }, titleOf(object.layer_title, object.layer)),
          object.cim_level ? h("span", { class: "chip quiet", title: t("cim_level") }, `CIM${object.cim_level}`) : null),
        h("h3", { class: "object-name" }, object.name || t("unnamed")),
        typeof code === "string" ? h("div", { class: "muted mono" }, code) : null),
      object.bounds ? iconButton("target", t("zoom_to"), () => this.viewer.flyTo({ bounds: object.bounds }, 18.5)) : null);
  }

  #attributes(object: CityObject): HTMLElement {
    const fields = layerInfo(this.viewer, object.layer)?.fields ?? {};
    const rows = Object.entries(object.attributes).filter(([name, raw]) => isShown(name, raw))
      .sort(([a], [b]) => attributeRank(a) - attributeRank(b));
    if (!rows.length) return emptyState(t("no_attributes"));
    return h("table", { class: "attributes" }, h("tbody", {}, ...rows.map(([name, raw]) => {
      const title = titleOf(fields[name]?.title) || attributeTitle(name);
      return h("tr", {},
        h("th", { scope: "row", title: name }, title),
        h("td", {}, name === "ifc_class" ? `${className(String(raw), language())} (${String(raw)})` : value(name, raw, !UNIT_IN_TITLE.test(title))),
        h("td", { class: "origin" }, badge(object.fields?.[name])));
    })));
  }

  #extra(object: CityObject): HTMLElement[] {
    const rows = Object.entries(object.extra ?? {}).filter(([name, raw]) => raw !== null && raw !== "" && !(object.layer === "elements" && ELEMENT_EXTRA.includes(name)));
    if (!rows.length) return [];
    return [fold(`${t("extra")} (${rows.length})`, () => [nested(Object.fromEntries(rows))])];
  }

  #links(object: CityObject): HTMLElement[] {
    const links = object.links.filter((link) => !["self", "layer", "dossier"].includes(link.rel));
    const raw = object.links.find((link) => link.rel === "self");
    if (!links.length && !raw) return [];
    return [fold(t("links"), () => [h("ul", { class: "links" },
      ...links.map((link) => h("li", {}, this.#link(link))),
      raw ? h("li", {}, h("a", { href: raw.href, target: "_blank", rel: "noopener", class: "row-button" },
        h("span", { class: "grow" }, t("self")), icon("arrow"))) : null)], links.length > 0)];
  }

  #link(link: Link): HTMLElement {
    const id = Number(/\/objects\/(\d+)$/.exec(link.href)?.[1]);
    const label = [h("span", { class: "muted" }, word("", link.rel)), h("span", { class: "grow ellipsis" }, link.title || link.href)];
    if (id) return h("button", { type: "button", class: "row-button", onclick: () => this.viewer.select(id) }, ...label);
    return h("a", { href: link.href, target: "_blank", rel: "noopener", class: "row-button" }, ...label, icon("arrow"));
  }
}

/** Which source a value was taken from. */
export function badge(source: FieldSource | undefined): HTMLElement | null {
  if (!source) return null;
  const title = `${t("value_from", { dataset: source.dataset })} · ${source.rule}`;
  return h("span", { class: `badge kind-${source.kind}`, title }, word("kind_", source.kind));
}

/** Attributes of any depth, as a table in a table. */
function nested(record: Record<string, unknown>): HTMLElement {
  return h("table", { class: "attributes" }, h("tbody", {}, ...Object.entries(record).map(([name, raw]) => {
    const inner = raw !== null && typeof raw === "object" && !Array.isArray(raw);
    if (inner) return h("tr", {}, h("td", { colspan: 2, class: "nested" }, fold(name, () => [nested(raw as Record<string, unknown>)])));
    return h("tr", {}, h("th", { scope: "row", title: name }, attributeTitle(name)), h("td", {}, value(name, raw)));
  })));
}

function provenance(object: CityObject): HTMLElement[] {
  const { dataset, source_key: key } = object.provenance ?? { dataset: null, source_key: null };
  const facts: [string, string | null | undefined][] = [
    [t("dataset"), dataset?.name], [t("file"), dataset?.file], [t("owner"), dataset?.owner], [t("date"), dataset?.date && day(dataset.date)],
    [t("licence"), dataset?.licence], [t("crs"), dataset?.crs],
    [t("accuracy"), !dataset?.accuracy_m ? null : `±${dataset.accuracy_m} m`],
    [t("transform"), dataset?.transform], [t("source_key"), key],
    [t("recorded_at"), object.recorded_at && dateTime(object.recorded_at)], [t("valid_from"), object.valid_from && dateTime(object.valid_from)],
  ];
  const known = facts.filter(([, text]) => text);
  if (!known.length) return [];
  return [fold(t("provenance"), () => [
    dataset?.ballpark ? h("p", { class: "notice" }, icon("warning"), t("ballpark")) : null,
    h("dl", { class: "facts" }, ...known.flatMap(([name, text]) => [h("dt", {}, name), h("dd", {}, text)])),
  ])];
}
