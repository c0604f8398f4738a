/** The answer for a zone that was drawn and is not stored: what is inside, and the ways on from there. */

import { api } from "../api";
import { errorState, h, iconButton, spinner } from "../dom";
import { t } from "../i18n";
import { icon, type IconName } from "../icons";
import { ringPolygon, showZone } from "../map/overlays";
import { saveCsv, saveJson } from "../tools/export";
import type { Inventory, Position } from "../types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { PREVIEW, inventoryFigures, inventoryThemes } from "./inventory_themes";
import { mayDraw } from "./rights";
import type { SidePanel } from "./side";

export class InventoryPanel {
  answer: Inventory | null = null;
  #request: AbortController | null = null;

  /** keep() stores the ring as a zone. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, private readonly keep: (ring: Position[]) => void) {
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
      const page = this.#page(errorState(t("inventory_failed"), reasonOf(error), () => void this.open(ring)));
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
    const ring = this.viewer.store.state.zone;
    if (!ring) return;
    const readAll = (layer: string, limit: number) => api.inventory({ geometry: ringPolygon(ring), layers: [layer], list_limit: limit });
    const page = h("div", { class: "panel-body", "data-inventory": answer.total },
      h("div", { class: "inventory-head" }, inventoryFigures(answer), this.#actions(answer, ring)),
      ...inventoryThemes(this.viewer, answer, readAll));
    this.side.show("inventory", "inventory", page, this.#close, front);
  }

  #actions(answer?: Inventory, ring?: Position[]): HTMLElement {
    const button = (label: string, name: IconName, onclick: () => void) =>
      h("button", { type: "button", class: "button", onclick }, icon(name), label);
    const lines = [h("div", { class: "actions" },
      answer ? button("CSV", "download", () => saveCsv(answer)) : null,
      answer ? button("JSON", "download", () => saveJson(answer)) : null,
      button(t("inventory_redraw"), "draw", () => this.viewer.startDrawing()),
      iconButton("trash", t("inventory_clear"), this.#close))];
    if (ring && mayDraw(this.viewer)) {
      lines.push(h("div", { class: "actions" }, h("button", { type: "button", class: "button", id: "zone-keep", onclick: () => this.keep(ring) }, icon("plus"), t("zone_keep"))));
    }
    return h("div", { class: "action-lines" }, ...lines);
  }
}
