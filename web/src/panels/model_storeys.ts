/** The storeys of a model, to peel it: all, up to one, one alone, or drawn apart. */

import { fold, h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { facetValues, type ModelLook } from "../map/model_look";
import type { ModelStorey, ModelSummary } from "../types";
import type { LookSection } from "./model";
import { segments } from "./segments";

type Mode = NonNullable<ModelLook["storeys"]>["mode"];

export const storeyName = (storey: ModelStorey): string => storey.name || String(storey.number ?? storey.id);

export function storeySection(summary: ModelSummary, look: () => ModelLook, set: (change: Partial<ModelLook>) => void): LookSection | null {
  const { storeys } = summary;
  if (!storeys.length) return null;
  const last = storeys.length - 1;
  const chosen = () => storeys.findIndex((each) => each.id === look().storeys?.id);
  const mode = (): Mode => look().storeys?.mode ?? "upto";
  const choose = (i: number, how: Mode = mode()) => set({ storeys: i < 0 ? null : { mode: how, id: storeys[i]!.id } });
  const modes = segments(t("storeys"), [["all", t("storeys_all")], ["upto", t("storeys_upto")], ["only", t("storeys_only")]], (choice) => {
    if (choice === "all") choose(-1);
    else choose(Math.max(chosen(), 0), choice as Mode);
  });
  const apart = h("input", { type: "checkbox", class: "switch", role: "switch", id: "look-explode", onchange: () => set({ explode: !look().explode }) });
  const slider = h("input", {
    type: "range", class: "storey-slider", id: "storey-slider", "aria-label": t("storeys_upto"), min: 0, max: last, step: 1, hidden: last < 1,
    oninput: () => choose(last - Number(slider.value)),
  });
  const rows = storeyRows(summary, (i) => choose(i === chosen() ? -1 : i));
  const sync = () => {
    const at = chosen();
    modes.set(at < 0 ? "all" : mode());
    apart.checked = look().explode;
    slider.value = String(last - Math.max(at, 0));
    slider.setAttribute("aria-valuetext", storeyName(storeys[Math.max(at, 0)]!));
    rows.forEach((row, i) => {
      row.setAttribute("aria-pressed", String(i === at));
      row.classList.toggle("off", at >= 0 && (mode() === "only" ? i !== at : i < at));
    });
  };
  const element = fold(t("storeys"), () => [
    h("div", { class: "look-line" }, modes.element, h("label", { class: "look-switch" }, apart, t("storeys_apart"))), slider,
    h("ul", { class: "storey-list" }, ...rows.map((row) => h("li", {}, row))),
  ], true);
  return { element, sync };
}

function storeyRows(summary: ModelSummary, onclick: (i: number) => void): HTMLButtonElement[] {
  const counts = new Map(facetValues(summary, "storey").map((each) => [each.value, each.count]));
  return summary.storeys.map((storey, i) => h("button", { type: "button", class: "row-button", "data-storey": storey.id, onclick: () => onclick(i) },
    h("span", { class: "grow ellipsis" }, storeyName(storey)),
    storey.elevation_m === null ? null : h("span", { class: "count", title: t("elevation") }, `${storey.elevation_m >= 0 ? "+" : ""}${number(storey.elevation_m)} m`),
    h("span", { class: "count storey-count", title: t("elements") }, number(counts.get(String(storey.id)) ?? 0, 0))));
}
