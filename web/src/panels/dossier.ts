/** A building's file: conflicts between its sources, the sources, units, storeys and models. */

import { api } from "../api";
import { emptyState, errorState, fold, h, spinner } from "../dom";
import { area, compact, number, value } from "../format";
import { attributeTitle, t, titleOf, word } from "../i18n";
import { icon } from "../icons";
import type { BuildingSource, Conflict, Dossier } from "../types";
import { layerInfo, type Viewer } from "../viewer";
import { reasonOf } from "./failure";

/** The dossier's sections, filled when the service has answered. */
export function dossierSections(viewer: Viewer, id: number): HTMLElement {
  const box = h("div", { class: "dossier" }, spinner(t("loading")));
  const load = async () => {
    try {
      const dossier = await api.dossier(id);
      box.replaceChildren(...sections(viewer, dossier));
    } catch (error) {
      box.replaceChildren(errorState(t("dossier"), reasonOf(error), () => void load()));
    }
  };
  void load();
  return box;
}

function sections(viewer: Viewer, dossier: Dossier): HTMLElement[] {
  const open = dossier.conflicts.filter((conflict) => conflict.status === "open");
  const title = (field: string) => titleOf(layerInfo(viewer, "buildings")?.fields[field]?.title) || attributeTitle(field);
  return [
    figures(dossier, open.length),
    ...(dossier.conflicts.length
      ? [fold(`${t("conflicts")} (${dossier.conflicts.length})`, () => dossier.conflicts.map((each) => conflictCard(each, title)), open.length > 0, "fold warn")]
      : []),
    fold(`${t("sources")} (${dossier.sources.length})`, () => sourceCards(dossier.sources, title)),
    ...unitSection(dossier), ...storeySection(viewer, dossier), ...modelSection(viewer, dossier),
  ];
}

function figures(dossier: Dossier, conflicts: number): HTMLElement {
  const figure = (label: string, text: string, cls = "") => h("div", { class: `figure ${cls}` }, h("b", {}, text), h("span", {}, label));
  return h("div", { class: "figures" },
    figure(t("sources"), String(dossier.sources.length)),
    figure(t("conflicts"), String(conflicts), conflicts ? "warn" : ""),
    figure(t("units"), compact(dossier.units.count)),
    figure(t("storeys"), String(dossier.storeys.length || dossier.building.attributes.storeys_above || 0)));
}

/** Which source says what; the value that the merged record uses is marked. */
function conflictCard(conflict: Conflict, title: (field: string) => string): HTMLElement {
  const used = (raw: unknown) => JSON.stringify(raw) === JSON.stringify(conflict.chosen);
  return h("div", { class: `card conflict ${conflict.status}` },
    h("div", { class: "card-head" }, h("b", {}, title(conflict.field)), h("span", { class: "chip quiet" }, t(`conflict_${conflict.status}`))),
    h("ul", { class: "says" }, ...conflict.values.map((each) => h("li", { class: used(each.value) ? "used" : "" },
      h("span", { class: `badge kind-${each.kind}`, title: each.dataset }, word("kind_", each.kind)),
      h("span", { class: "grow ellipsis muted", title: each.dataset }, each.dataset),
      h("b", {}, value(conflict.field, each.value)),
      used(each.value) ? h("span", { class: "used-mark", title: t("chosen") }, icon("check")) : h("span", { class: "used-mark" })))));
}

function sourceCards(sources: BuildingSource[], title: (field: string) => string): HTMLElement[] {
  if (!sources.length) return [emptyState(t("no_sources"))];
  return sources.map((source) => h("div", { class: "card" },
    h("div", { class: "card-head" }, h("span", { class: `badge kind-${source.kind}` }, word("kind_", source.kind)),
      h("span", { class: "grow ellipsis", title: source.dataset }, source.dataset), score(source)),
    h("dl", { class: "facts" }, ...Object.entries(source.fields).filter(([, raw]) => raw !== null && raw !== "")
      .flatMap(([name, raw]) => [h("dt", {}, title(name)), h("dd", {}, value(name, raw, !/[)）]$/.test(title(name))))]),
    h("dt", {}, t("source_key")), h("dd", { class: "mono" }, source.source_key))));
}

function score(source: BuildingSource): HTMLElement | null {
  if (source.score === null) return null;
  const percent = Math.round(source.score * 100);
  const reason = Object.entries(source.reason ?? {}).map(([name, raw]) => `${name}: ${typeof raw === "number" ? number(raw) : String(raw)}`);
  const meter = h("span", { class: "score", title: [`${t("score")} ${percent}%`, ...reason].join("\n") }, h("i", {}), `${percent}%`);
  (meter.firstElementChild as HTMLElement).style.setProperty("--part", `${percent}%`);
  return meter;
}

function unitSection({ units }: Dossier): HTMLElement[] {
  if (!units.count) return [];
  const uses = Object.entries(units.by_use).map(([value, count]) => ({ value, count }));
  return [fold(`${t("units")} (${t("units_count", { n: number(units.count, 0) })})`, () => [
    bars(uses),
    units.area_m2 ? h("p", { class: "muted" }, `${t("sum_floor_area_m2")} ${area(units.area_m2)}`) : null,
    h("a", { href: units.list, target: "_blank", rel: "noopener", class: "row-button" }, h("span", { class: "grow" }, t("units_list")), icon("arrow")),
  ])];
}

/** Counts as bars, the largest first and as long as there is room. */
export function bars(values: { value: string | null; count: number }[]): HTMLElement {
  const sorted = [...values].sort((a, b) => b.count - a.count);
  const most = Math.max(1, sorted[0]?.count ?? 1);
  return h("ul", { class: "bars" }, ...sorted.map(({ value: name, count }) => {
    const row = h("li", {}, h("span", { class: "bar-name ellipsis", title: name ?? "" }, name || t("empty_value")), h("span", { class: "bar" }, h("i", {})), h("span", { class: "count" }, number(count, 0)));
    row.querySelector("i")!.style.width = `${Math.max(1.5, (count / most) * 100)}%`;
    return row;
  }));
}

function storeySection(viewer: Viewer, { storeys }: Dossier): HTMLElement[] {
  if (!storeys.length) return [];
  const sorted = [...storeys].sort((a, b) => (b.elevation_m ?? b.number ?? 0) - (a.elevation_m ?? a.number ?? 0));
  return [fold(`${t("storeys")} (${storeys.length})`, () => [h("ul", { class: "links storeys" }, ...sorted.map((storey) => h("li", {}, h("button", {
    type: "button", class: "row-button", onclick: () => viewer.select(storey.id),
  }, h("span", { class: "grow ellipsis" }, storey.name ?? `${storey.number ?? ""}`),
  storey.elevation_m === null ? null : h("span", { class: "count", title: t("elevation") }, `${storey.elevation_m >= 0 ? "+" : ""}${number(storey.elevation_m)} m`)))))])];
}

function modelSection(viewer: Viewer, { models }: Dossier): HTMLElement[] {
  if (!models.length) return [];
  return [fold(`${t("models")} (${models.length})`, () => [h("ul", { class: "links" }, ...models.map((model) => h("li", {}, h("button", {
    type: "button", class: "row-button", disabled: !model.center,
    onclick: () => {
      viewer.openModel(model.id);
      viewer.flyTo({ bounds: model.bounds, center: model.center }, 18);
    },
  }, h("span", { class: "grow ellipsis" }, model.name), h("span", { class: "chip quiet" }, model.schema),
  h("span", { class: "count" }, `${compact(model.elements)} ${t("elements")}`)))))])];
}
