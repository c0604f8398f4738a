/** The zone's answer: how much of what is inside, by theme, with lists; and the receipt. */

import { ApiError, api } from "../api";
import { emptyState, errorState, fold, h, iconButton, spinner } from "../dom";
import { area, number, sum } from "../format";
import { attributeTitle, t, titleOf, word } from "../i18n";
import { icon } from "../icons";
import { ringPolygon, showZone } from "../map/overlays";
import { saveCsv, saveJson } from "../tools/export";
import type { Inventory, InventoryItem, InventoryLayer, InventoryTheme, Position } from "../types";
import { layerInfo, type Viewer } from "../viewer";
import { bars } from "./dossier";
import { swatch } from "./layers";
import { receiptFold } from "./receipt";
import type { SidePanel } from "./side";

const PREVIEW = 100;
const ALL = 10_000;
const GROUPS_SHOWN = 8;

export class InventoryPanel {
  answer: Inventory | null = null;
  #request: AbortController | null = null;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    viewer.store.watch(["zone"], (state) => void this.open(state.zone));
    viewer.store.watch(["lang"], () => this.answer && this.#show(this.answer, false));
  }

  async open(ring: Position[] | null): Promise<void> {
    this.#request?.abort();
    this.answer = null;
    showZone(this.viewer.map, ring);
    if (!ring) {
      this.side.hide("inventory");
      return;
    }
    const request = (this.#request = new AbortController());
    this.#page(spinner(t("inventory_running")));
    try {
      const answer = await api.inventory({ geometry: ringPolygon(ring), list_limit: PREVIEW }, request.signal);
      if (request.signal.aborted) return;
      this.answer = answer;
      this.#show(answer, true);
    } catch (error) {
      if (request.signal.aborted) return;
      const detail = error instanceof ApiError && error.status === 0 ? t("offline") : (error as Error).message;
      const page = this.#page(errorState(t("inventory_failed"), detail, () => void this.open(ring)));
      page.append(this.#actions());
    }
  }

  #close = (): void => this.viewer.store.set("zone", null);

  #page(...body: HTMLElement[]): HTMLElement {
    const page = h("div", { class: "panel-body" }, ...body);
    this.side.show("inventory", "inventory", page, this.#close);
    return page;
  }

  #show(answer: Inventory, front: boolean): void {
    const page = h("div", { class: "panel-body", "data-inventory": answer.total }, this.#head(answer));
    if (!answer.total) page.append(emptyState(t("inventory_none")));
    const filled = answer.themes.filter((theme) => theme.layers.some((layer) => layer.count));
    page.append(...filled.map((theme) => this.#theme(theme)));
    page.append(receiptFold(this.viewer, answer.receipt));
    this.side.show("inventory", "inventory", page, this.#close, front);
  }

  #head(answer: Inventory): HTMLElement {
    return h("div", { class: "inventory-head" },
      h("div", { class: "figures" },
        h("div", { class: "figure" }, h("b", { "data-total": answer.total }, number(answer.total, 0)), h("span", {}, t("inventory_total"))),
        h("div", { class: "figure" }, h("b", {}, area(answer.area_m2)), h("span", {}, t("inventory_area")))),
      this.#actions(answer));
  }

  #actions(answer?: Inventory): HTMLElement {
    const button = (label: string, name: "download" | "draw" | "trash", onclick: () => void) =>
      h("button", { type: "button", class: "button", onclick }, icon(name), label);
    return h("div", { class: "actions" },
      answer ? button("CSV", "download", () => saveCsv(answer)) : null,
      answer ? button("JSON", "download", () => saveJson(answer)) : null,
      button(t("inventory_redraw"), "draw", () => this.viewer.startDrawing()),
      iconButton("trash", t("inventory_clear"), this.#close));
  }

  #theme(theme: InventoryTheme): HTMLElement {
    const layers = theme.layers.filter((layer) => layer.count);
    const total = layers.reduce((all, layer) => all + layer.count, 0);
    return h("section", { class: "inventory-theme" },
      h("h3", {}, h("span", { class: "grow" }, titleOf(theme.title, theme.id)), h("span", { class: "count" }, number(total, 0))),
      ...layers.map((layer) => this.#layer(layer)));
  }

  #layer(layer: InventoryLayer): HTMLElement {
    const info = layerInfo(this.viewer, layer.id);
    const title = h("span", { class: "layer-line", "data-layer": layer.id },
      swatch(info?.legend ?? [], info?.geometry_type ?? ""),
      h("span", { class: "grow ellipsis" }, titleOf(layer.title, layer.id)),
      h("b", { class: "count strong", "data-count": layer.count }, number(layer.count, 0)));
    const details = fold(title, () => [this.#groups(layer), this.#items(layer)], false, "fold inventory-layer");
    const sums = Object.entries(layer.sums).filter(([, value]) => value);
    if (!sums.length) return details;
    details.querySelector("summary")!.append(h("span", { class: "sums" }, ...sums.map(([name, value]) =>
      h("span", {}, `${word("sum_", name, attributeTitle(name))} ${sum(name, value!)}`))));
    return details;
  }

  #groups(layer: InventoryLayer): HTMLElement | null {
    const values = layer.groups?.values ?? [];
    if (values.length < 2 && !values[0]?.value) return null;
    return bars(values.slice(0, GROUPS_SHOWN));
  }

  #items(layer: InventoryLayer): HTMLElement {
    const list = h("div", { class: "item-list" }, itemList(this.viewer, layer.items));
    if (layer.items.length >= layer.count) return list;
    const limit = Math.min(ALL, layer.count);
    const more = h("button", { type: "button", class: "button wide", onclick: () => void this.#all(layer, list, more) },
      t("inventory_show_all", { n: number(limit, 0) }));
    list.append(more);
    return list;
  }

  async #all(layer: InventoryLayer, list: HTMLElement, button: HTMLButtonElement): Promise<void> {
    const ring = this.viewer.store.state.zone;
    if (!ring) return;
    button.disabled = true;
    try {
      const answer = await api.inventory({ geometry: ringPolygon(ring), layers: [layer.id], list_limit: ALL });
      const found = answer.themes.flatMap((theme) => theme.layers).find((each) => each.id === layer.id);
      list.replaceChildren(itemList(this.viewer, found?.items ?? []));
      if (found && found.count > found.items.length) {
        list.append(h("p", { class: "muted small-text" }, t("inventory_shown", { n: number(found.items.length, 0) })));
      }
    } catch (error) {
      button.disabled = false;
      list.append(errorState(t("error"), (error as Error).message));
    }
  }
}

function itemList(viewer: Viewer, items: InventoryItem[]): HTMLElement {
  return h("ul", { class: "links" }, ...items.map((item) => h("li", {}, h("button", {
    type: "button", class: "row-button", "data-id": item.id, onclick: () => viewer.select(item.id, { center: item.center }),
  }, h("span", { class: "grow ellipsis" }, item.name || `${t("unnamed")} #${item.id}`),
  item.detail ? h("span", { class: "muted ellipsis item-detail" }, item.detail) : null))));
}
