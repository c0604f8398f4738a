/** A stored zone: what it is, what lies in it, and what can be done with it. */

import { ApiError } from "../api";
import { command } from "../command_api";
import type { Zone } from "../command_types";
import { errorState, fold, h, iconButton, spinner } from "../dom";
import { area, dateTime } from "../format";
import { t } from "../i18n";
import { icon, type IconName } from "../icons";
import { zoneKind } from "../live/zone_words";
import { boundsOf } from "../map/marks";
import { save, saveCsv } from "../tools/export";
import type { Inventory } from "../types";
import type { Viewer } from "../viewer";
import { isMissing, reasonOf } from "./failure";
import { ALL, PREVIEW, inventoryFigures, inventoryThemes } from "./inventory_themes";
import { operator, operatorField } from "./operator";
import { mayCommand, mayDraw } from "./rights";
import { toast } from "./toasts";
import { zoneSwatch } from "./zones_list";
import { logEntries } from "./zone_log";

export class ZoneCard {
  readonly element = h("div", { class: "zone-card" });
  zone: Zone | null = null;
  #inventory: Inventory | null = null;
  #request: AbortController | null = null;
  #asking = false;
  #by = operatorField();

  /** shown() is told which zone is open; change() opens the form for it. */
  constructor(private readonly viewer: Viewer, private readonly host: { shown: (zone: Zone | null) => void; change: (zone: Zone) => void }) {}

  /** Reads a zone and what lies in it; null: none is open. */
  async open(id: number | null): Promise<void> {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    const known = this.zone?.id === id ? this.zone : null;
    this.zone = known;
    this.#inventory = null;
    this.#asking = false;
    if (id === null) {
      this.host.shown(null);
      return;
    }
    if (!known) this.element.replaceChildren(this.#back(), spinner(t("loading")));
    try {
      const zone = await command.zone(id);
      if (request.signal.aborted) return;
      this.zone = zone;
      this.host.shown(zone);
      this.render();
      await this.#count(zone, request.signal);
    } catch (error) {
      if (request.signal.aborted) return;
      const gone = isMissing(error) ? t("zone_gone", { id }) : t("error");
      this.element.replaceChildren(this.#back(), errorState(gone, isMissing(error) ? "" : reasonOf(error), isMissing(error) ? undefined : () => void this.open(id)));
      this.host.shown(null);
    }
  }

  async #count(zone: Zone, signal: AbortSignal): Promise<void> {
    try {
      this.#inventory = await command.zoneInventory(zone.id, PREVIEW, signal);
      if (!signal.aborted) this.render();
    } catch (error) {
      if (!signal.aborted) this.element.querySelector(".zone-inventory")?.replaceChildren(errorState(t("inventory_failed"), reasonOf(error), () => void this.open(zone.id)));
    }
  }

  render(): void {
    const { zone, viewer } = this;
    if (!zone) return;
    const { name, kind, area_m2: size, version, author, recorded_at: at, note } = zone.properties;
    const inventory = this.#inventory;
    const readAll = (layer: string, limit: number) => command.zoneInventory(zone.id, limit, undefined, layer);
    const whole = (layer: string, format: string) => `/zones/${zone.id}/items/${encodeURIComponent(layer)}?f=${format}`;
    this.element.dataset.zoneCard = String(zone.id);
    this.element.replaceChildren(
      this.#back(),
      h("div", { class: "object-head" },
        h("div", { class: "grow" },
          h("div", { class: "chips" }, zoneSwatch(kind), h("span", { class: "chip quiet" }, zoneKind(kind)), h("span", { class: "chip quiet", title: t("zone_version") }, `v${version}`)),
          h("h3", { class: "object-name" }, name ?? t("unnamed")),
          h("p", { class: "muted small-text" }, [size === null ? "" : area(size), author, dateTime(at)].filter(Boolean).join(" · ")),
          note ? h("p", { class: "event-text" }, note) : null),
        iconButton("target", t("zoom_to"), () => viewer.flyTo({ bounds: boundsOf([zone.geometry]) }, 17)),
        iconButton("link", t("zone_share"), () => void this.#share(zone.id), { id: "zone-share" })),
      this.#actions(zone),
      h("div", { class: "zone-inventory", "data-inventory": inventory?.total }, ...inventory ? [inventoryFigures(inventory), ...inventoryThemes(viewer, inventory, readAll, whole)] : [spinner(t("inventory_running"))]),
      fold(t("zone_log"), () => [this.#log(zone.id)]));
  }

  #back(): HTMLElement {
    return h("button", { type: "button", class: "button ghost back", id: "zones-back", onclick: () => this.viewer.store.set("storedZone", null) }, icon("chevron"), t("zones"));
  }

  #actions(zone: Zone): HTMLElement {
    const button = (id: string, label: string, name: IconName, onclick: () => void) =>
      h("button", { type: "button", class: "button", id, onclick }, icon(name), label);
    const files = [button("zone-csv", "CSV", "download", () => void this.#saveCsv(zone)), button("zone-geojson", "GeoJSON", "download", () => saveShape(zone))];
    const isOfThree = Boolean(zone.properties.group);
    if (!(isOfThree ? mayCommand(this.viewer) : mayDraw(this.viewer))) return h("div", { class: "actions" }, ...files);
    const drop = this.#asking
      ? h("button", { type: "button", class: "button danger", id: "zone-drop-sure", onclick: () => void this.#drop(zone) }, icon("trash"), t(isOfThree ? "zones_lift_sure" : "zone_drop_sure"))
      : isOfThree ? button("zone-drop", t("zones_lift"), "trash", () => this.#ask()) : iconButton("trash", t("zone_drop"), () => this.#ask(), { id: "zone-drop" });
    // of three that part the district none can be changed alone
    const change = isOfThree ? null : button("zone-change", t("zone_change"), "draw", () => this.host.change(zone));
    return h("div", { class: "action-lines" }, h("div", { class: "actions" }, ...files), h("div", { class: "actions" }, change, drop),
      this.#asking && !operator() ? this.#by.refresh() : null);
  }

  #ask(): void {
    this.#asking = true;
    this.render();
    this.element.querySelector<HTMLElement>("#zone-drop-sure")?.focus();
  }

  async #drop(zone: Zone): Promise<void> {
    const by = operator();
    if (!by) {
      toast(t("step_by_needed"), "error");
      this.#by.input.focus();
      return;
    }
    try {
      const { group } = zone.properties;
      await (group ? command.liftZones(group, by) : command.dropZone(zone.id, by));
      toast(t("zone_dropped", { name: zone.properties.name ?? String(zone.id) }));
      this.viewer.store.set("storedZone", null);
    } catch (error) {
      toast(reasonOf(error), "error");
    }
  }

  async #share(id: number): Promise<void> {
    const address = `${location.origin}/?zone=${id}`;
    try {
      await navigator.clipboard.writeText(address);
      toast(t("copied"));
    } catch {
      // without the right to the clipboard the address is shown, to be copied by hand
      toast(address);
    }
  }

  async #saveCsv(zone: Zone): Promise<void> {
    try {
      saveCsv(await command.zoneInventory(zone.id, ALL));
    } catch (error) {
      toast(reasonOf(error), "error");
    }
  }

  #log(id: number): HTMLElement {
    const box = h("div", {}, spinner(t("loading")));
    command.zoneLog(id).then(({ entries }) => box.replaceChildren(logEntries(entries)), (error: unknown) => {
      box.replaceChildren(errorState(t("error"), error instanceof ApiError ? reasonOf(error) : ""));
    });
    return box;
  }
}

function saveShape(zone: Zone): void {
  save(`zone-${zone.id}-v${zone.properties.version}.geojson`, "application/geo+json", JSON.stringify(zone, null, 2));
}
