/** One element of a BIM model: what can be looked at alone with it, and its property sets. */

import { fold, h } from "../dom";
import { value } from "../format";
import { attributeTitle, t } from "../i18n";
import { baseClass, plainLook, type ModelLook } from "../map/model_look";
import type { CityObject } from "../types";
import type { Viewer } from "../viewer";

type Only = NonNullable<ModelLook["only"]>;

/** The parts of an object's further attributes that are shown here. */
export const ELEMENT_EXTRA = ["psets", "quantities", "materials"];

/** Buttons that show the element, its class, storey or system alone in its model. */
export function elementActions(viewer: Viewer, object: CityObject): HTMLElement | null {
  const { model_id: model, ifc_class: kind, storey_id: storey, system } = object.attributes;
  if (object.layer !== "elements" || typeof model !== "number") return null;
  const alone = (only: Only) => {
    const { look } = viewer.store.state;
    viewer.store.set("look", { ...(look?.model === model ? look : plainLook(model)), only });
    viewer.select(object.id);
  };
  const button = (label: string, only: Only | null) => only && h("button", {
    type: "button", class: "button", "data-only": only.by, onclick: () => alone(only),
  }, label);
  return h("div", { class: "element-actions" },
    h("span", { class: "muted small-text" }, t("look_alone")),
    button(t("this_element"), { by: "element", value: String(object.id) }),
    button(t("by_ifc_class"), typeof kind === "string" ? { by: "ifc_class", value: baseClass(kind) } : null),
    button(t("by_storey"), typeof storey === "number" ? { by: "storey", value: String(storey) } : null),
    button(t("by_system"), typeof system === "string" && system ? { by: "system", value: system } : null),
    h("button", { type: "button", class: "button ghost", "data-only": "model", onclick: () => viewer.openModel(model) }, t("model_page")));
}

/** The element's property sets and quantities, a table each, and its materials. */
export function propertySets(object: CityObject): HTMLElement[] {
  const extra = object.extra ?? {};
  const sets = [...entries(extra.psets), ...entries(extra.quantities)];
  const materials = Array.isArray(extra.materials) ? extra.materials : [];
  return [
    ...(sets.length ? [fold(`${t("property_sets")} (${sets.length})`, () => sets.map(([name, set]) => fold(name, () => [table(set)], true, "fold set")), true)] : []),
    ...(materials.length ? [fold(`${t("materials")} (${materials.length})`, () => materials.map((each) => table(each)), true)] : []),
  ];
}

const entries = (raw: unknown): [string, unknown][] => (raw !== null && typeof raw === "object" ? Object.entries(raw) : []);

function table(record: unknown): HTMLElement {
  if (record === null || typeof record !== "object") return h("p", {}, value("", record));
  return h("table", { class: "attributes" }, h("tbody", {}, ...Object.entries(record).filter(([, raw]) => raw !== null && raw !== "").map(([name, raw]) =>
    h("tr", {}, h("th", { scope: "row", title: name }, attributeTitle(name)), h("td", {}, cell(name, raw))))));
}

/** A value, a list of plain values, or whatever stands deeper as a table of its own. */
function cell(name: string, raw: unknown): HTMLElement | string {
  if (Array.isArray(raw)) {
    if (raw.every((each) => each === null || typeof each !== "object")) return raw.map((each) => value(name, each)).join("、");
    return h("div", {}, ...raw.map((each) => table(each)));
  }
  return raw !== null && typeof raw === "object" ? table(raw) : value(name, raw);
}
