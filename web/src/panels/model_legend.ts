/** By what a model is coloured, and the legend of it: each line can be looked at alone. */

import { fold, h } from "../dom";
import { number } from "../format";
import { language, t, type Word } from "../i18n";
import { className } from "../i18n/ifc";
import { icon } from "../icons";
import { FACETS, css, facetValues, type Facet, type FacetValue, type ModelLook } from "../map/model_look";
import type { ModelSummary } from "../types";
import type { LookSection } from "./model";
import { storeyName } from "./model_storeys";
import { segments } from "./segments";

/** A facet's value in the reader's language. */
export function facetTitle(summary: ModelSummary, facet: Facet, value: string): string {
  if (!value) return t(`no_${facet}`);
  if (facet === "ifc_class") return className(value, language());
  if (facet === "discipline") return t(`discipline_${value}` as Word);
  const storey = facet === "storey" && summary.storeys.find((each) => String(each.id) === value);
  return storey ? storeyName(storey) : value;
}

export function legendSection(summary: ModelSummary, look: () => ModelLook, set: (change: Partial<ModelLook>) => void): LookSection {
  const choices: [string, string][] = [["", t("color_material")], ...FACETS.map((facet): [string, string] => [facet, t(`by_${facet}`)])];
  const by = segments(t("color_by"), choices, (choice) => set({ color: (choice || null) as Facet | null }));
  const list = h("ul", { class: "look-legend", id: "look-legend" });
  let shown: string | null = null;
  const sync = () => {
    const { color, only } = look();
    const facet = color ?? "ifc_class";
    by.set(color ?? "");
    if (shown !== (color ?? "")) {
      shown = color ?? "";
      list.replaceChildren(...facetValues(summary, facet).map((each) => legendLine(each, facetTitle(summary, facet, each.value), color !== null, () => {
        const now = look().only;
        set({ only: now?.by === facet && now.value === each.value ? null : { by: facet, value: each.value } });
      })));
    }
    for (const line of list.querySelectorAll("button")) {
      line.setAttribute("aria-pressed", String(only?.by === facet && only.value === line.dataset.value));
    }
  };
  return { element: fold(t("color_by"), () => [by.element, list], true), sync };
}

function legendLine({ value, count, color }: FacetValue, title: string, colored: boolean, onclick: () => void): HTMLElement {
  const swatch = h("span", { class: `swatch ${colored ? "" : "none"}`, "aria-hidden": "true" });
  if (colored) swatch.style.background = css(color);
  return h("li", {}, h("button", { type: "button", class: "row-button", title: t("look_alone"), "data-value": value, onclick },
    swatch, h("span", { class: "grow ellipsis" }, title), icon("check"), h("span", { class: "count" }, number(count, 0))));
}
