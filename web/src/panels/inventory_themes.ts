/** How much of what is inside of an area, by theme; each count opens its list, each list leads to the receipt. */

import { emptyState, errorState, fold, h } from "../dom";
import { area, number, sum } from "../format";
import { attributeTitle, t, titleOf, word } from "../i18n";
import type { Inventory, InventoryItem, InventoryLayer, InventoryTheme } from "../types";
import { layerInfo, type Viewer } from "../viewer";
import { bars } from "./dossier";
import { reasonOf } from "./failure";
import { receiptButton } from "./figures";
import { swatch } from "./layers";
import { receiptFold } from "./receipt";

/** As many of each layer are listed at first, and as many as the service tells at once. */
export const PREVIEW = 100;
export const ALL = 10_000;
const GROUPS_SHOWN = 8;

/** Reads one layer's list as far as it goes. */
export type ReadAll = (layer: string, limit: number) => Promise<Inventory>;

/** The address of one layer's whole list as a file; only of a zone that is kept. */
export type WholeList = (layer: string, format: "csv" | "gpkg" | "geojson") => string;

export function inventoryFigures(answer: Inventory): HTMLElement {
  return h("div", { class: "figures" },
    h("div", { class: "figure" }, h("b", { "data-total": answer.total }, number(answer.total, 0)), h("span", {}, t("inventory_total"))),
    h("div", { class: "figure" }, h("b", {}, area(answer.area_m2)), h("span", {}, t("inventory_area"))));
}

/** The themes that have anything, and the receipt. */
export function inventoryThemes(viewer: Viewer, answer: Inventory, readAll: ReadAll, whole?: WholeList): HTMLElement[] {
  const filled = answer.themes.filter((theme) => theme.layers.some((layer) => layer.count));
  return [
    ...answer.total ? [] : [emptyState(t("inventory_none"))],
    ...filled.map((theme) => themeSection(viewer, theme, readAll, whole)),
    receiptFold(viewer, answer.receipt),
  ];
}

function themeSection(viewer: Viewer, theme: InventoryTheme, readAll: ReadAll, whole?: WholeList): HTMLElement {
  const layers = theme.layers.filter((layer) => layer.count);
  const total = layers.reduce((all, layer) => all + layer.count, 0);
  return h("section", { class: "inventory-theme" },
    h("h3", {}, h("span", { class: "grow" }, titleOf(theme.title, theme.id)), h("span", { class: "count" }, number(total, 0))),
    ...layers.map((layer) => layerFold(viewer, layer, readAll, whole)));
}

function layerFold(viewer: Viewer, layer: InventoryLayer, readAll: ReadAll, whole?: WholeList): HTMLElement {
  const info = layerInfo(viewer, layer.id);
  const title = h("span", { class: "layer-line", "data-layer": layer.id },
    swatch(info?.legend ?? [], info?.geometry_type ?? ""),
    h("span", { class: "grow ellipsis" }, titleOf(layer.title, layer.id)),
    h("b", { class: "count strong", "data-count": layer.count }, number(layer.count, 0)));
  const details = fold(title, () => [groups(layer), items(viewer, layer, readAll, whole)], false, "fold inventory-layer");
  const sums = Object.entries(layer.sums).filter(([, value]) => value);
  if (!sums.length) return details;
  details.querySelector("summary")!.append(h("span", { class: "sums" }, ...sums.map(([name, value]) =>
    h("span", {}, `${word("sum_", name, attributeTitle(name))} ${rangeText(layer, name, value!)}`))));
  return details;
}

/** A sum that rests on a part of the objects, as the range that it is in. */
function rangeText(layer: InventoryLayer, name: string, value: number): string {
  const range = layer.ranges?.[name];
  if (!range) return sum(name, value);
  return range.high === null ? `≥ ${sum(name, range.low)}` : `${sum(name, range.low)}–${sum(name, range.high)}`;
}

function groups(layer: InventoryLayer): HTMLElement | null {
  const values = layer.groups?.values ?? [];
  if (values.length < 2 && !values[0]?.value) return null;
  return bars(values.slice(0, GROUPS_SHOWN));
}

function items(viewer: Viewer, layer: InventoryLayer, readAll: ReadAll, whole?: WholeList): HTMLElement {
  const list = h("div", { class: "item-list" }, itemList(viewer, layer.items));
  const box = h("div", {}, list, h("div", { class: "list-foot" }, wholeLists(layer, whole), receiptButton()));
  if (layer.items.length >= layer.count) return box;
  const limit = Math.min(ALL, layer.count);
  const more = h("button", { type: "button", class: "button wide", onclick: () => void showAll(viewer, layer, list, more, readAll) },
    t("inventory_show_all", { n: number(limit, 0) }));
  list.append(more);
  return box;
}

/** Files with all of a layer, streamed: none is left out, however many there are. */
function wholeLists(layer: InventoryLayer, whole?: WholeList): HTMLElement {
  const formats = [["csv", "CSV"], ["gpkg", "GeoPackage"], ["geojson", "GeoJSON"]] as const;
  return h("span", { class: "grow whole-lists" }, ...whole ? formats.map(([format, name]) =>
    h("a", { class: "small-text", href: whole(layer.id, format), download: "", "data-whole": format }, name)) : []);
}

async function showAll(viewer: Viewer, layer: InventoryLayer, list: HTMLElement, button: HTMLButtonElement, readAll: ReadAll): Promise<void> {
  button.disabled = true;
  try {
    const answer = await readAll(layer.id, ALL);
    const found = answer.themes.flatMap((theme) => theme.layers).find((each) => each.id === layer.id);
    list.replaceChildren(itemList(viewer, found?.items ?? []));
    if (found && found.count > found.items.length) {
      list.append(h("p", { class: "muted small-text" }, t("inventory_shown", { n: number(found.items.length, 0) })));
    }
  } catch (error) {
    button.disabled = false;
    list.append(errorState(t("error"), reasonOf(error)));
  }
}

function itemList(viewer: Viewer, items: InventoryItem[]): HTMLElement {
  return h("ul", { class: "links" }, ...items.map((item) => h("li", {}, h("button", {
    type: "button", class: "row-button", "data-id": item.id, onclick: () => viewer.select(item.id, { center: item.center }),
  }, h("span", { class: "grow ellipsis" }, item.name || `${t("unnamed")} #${item.id}`),
  item.detail ? h("span", { class: "muted ellipsis item-detail" }, item.detail) : null))));
}
