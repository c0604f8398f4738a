/** The zones of the command page: the list, one that is open, the form, three zones in one click, the log. */

import { command } from "../command_api";
import type { Zone } from "../command_types";
import { h } from "../dom";
import { t } from "../i18n";
import { zoneColor } from "../live/zone_words";
import { boundsOf, type Mark } from "../map/marks";
import type { Position } from "../types";
import { layerInfo } from "../viewer";
import type { CommandHost, CommandPart } from "./command_host";
import { DemarcateView } from "./demarcate";
import { toast } from "./toasts";
import { ZoneCard } from "./zone_card";
import { ZoneForm } from "./zone_form";
import { ZoneLogView } from "./zone_log";
import { zonesList } from "./zones_list";

const LIST = "zones";
const OPEN = "zone";
const TILED = "zones";
/** More than these are left to the tiles until somebody opens the list. */
const MOST_DRAWN = 500;

type Mode = "list" | "form" | "demarcate" | "log";

/** A zone as it is now, and who changed it last: its author is who drew it. */
async function lastChange(id: number): Promise<{ zone: Zone; by: string | null }> {
  const [zone, { entries }] = await Promise.all([command.zone(id), command.zoneLog(id)]);
  return { zone, by: entries.at(-1)?.author ?? null };
}

export class ZonesTab implements CommandPart {
  readonly element = h("div", { class: "zones-tab" });
  readonly #card: ZoneCard;
  readonly #demarcate: DemarcateView;
  readonly #log: ZoneLogView;
  #form: ZoneForm | null = null;
  #mode: Mode = "list";
  #isIn = false;

  constructor(private readonly host: CommandHost) {
    const { viewer, zones } = host;
    const toList = () => this.#go("list");
    this.#card = new ZoneCard(viewer, { shown: (zone) => this.#mark(zone), change: (zone) => this.#write(zone, null) });
    this.#demarcate = new DemarcateView(host, toList);
    this.#log = new ZoneLogView(viewer, toList);
    viewer.store.watch(["storedZone"], ({ storedZone }) => {
      this.#leaveMode();
      void this.#card.open(storedZone);
      this.render();
    });
    viewer.store.watch(["switched"], () => this.#draw());
    zones.watch(() => {
      this.#draw();
      const open = this.#card.zone;
      const now = open && zones.get(open.id);
      // changed by somebody else while it is looked at
      if (now && now.properties.version !== open.properties.version) void this.#card.open(now.id);
      if (this.#isIn && this.#mode === "list" && viewer.store.state.storedZone === null) this.render();
    });
  }

  /** Opens what the address asked for, and goes there unless the address says what is seen. */
  restore(): void {
    const { store } = this.host.viewer;
    const count = layerInfo(this.host.viewer, TILED)?.count ?? 0;
    if (count && count <= MOST_DRAWN && this.host.zones.state === "idle") void this.host.zones.load();
    if (store.state.storedZone === null) return;
    const hasCamera = store.state.camera !== null;
    void this.#card.open(store.state.storedZone).then(() => {
      const zone = this.#card.zone;
      if (zone && !hasCamera) this.host.viewer.flyTo({ bounds: boundsOf([zone.geometry]) }, 17);
    });
  }

  enter(): void {
    this.#isIn = true;
    if (this.host.zones.state === "idle") void this.host.zones.load();
    this.#draw();
    this.render();
  }

  leave(): void {
    this.#isIn = false;
    this.#leaveMode();
    this.#draw();
  }

  /** The form for a ring that was drawn before. */
  keep(ring: Position[]): void {
    this.host.viewer.store.set("storedZone", null);
    this.#write(null, ring);
  }

  demarcate(): void {
    this.host.viewer.store.set("storedZone", null);
    this.#go("demarcate");
  }

  render(): void {
    const { storedZone } = this.host.viewer.store.state;
    if (this.#mode === "form" && this.#form) {
      this.#form.render();
      this.element.replaceChildren(h("h3", { class: "object-name" }, t(this.#card.zone ? "zone_change" : "zone_new")), this.#form.element);
    } else if (this.#mode === "demarcate") {
      this.#demarcate.render();
      this.element.replaceChildren(this.#demarcate.element);
    } else if (this.#mode === "log") {
      this.#log.render();
      this.element.replaceChildren(this.#log.element);
    } else if (storedZone !== null) {
      this.#card.render();
      this.element.replaceChildren(this.#card.element);
    } else {
      this.element.replaceChildren(...zonesList(this.host.viewer, this.host.zones, {
        make: () => this.#write(null, null), demarcate: () => this.#go("demarcate"), log: () => this.#go("log"),
      }));
    }
  }

  #go(mode: Mode): void {
    this.#leaveMode();
    this.#mode = mode;
    if (mode === "demarcate") void this.#demarcate.open();
    if (mode === "log") void this.#log.open();
    this.render();
    this.element.querySelector<HTMLElement>(mode === "list" ? "#zone-new" : "input, #zones-back")?.focus();
  }

  #leaveMode(): void {
    if (this.#mode === "demarcate") this.#demarcate.leave();
    this.host.pointing.stop();
    this.#form = null;
    this.#mode = "list";
  }

  #write(was: Zone | null, ring: Position[] | null): void {
    this.#leaveMode();
    this.#form = new ZoneForm({
      viewer: this.host.viewer, pointing: this.host.pointing,
      done: (zone) => this.#written(zone, was, ring),
      conflict: () => lastChange(was!.id),
    }, was, ring);
    this.#mode = "form";
    this.render();
    this.element.querySelector<HTMLElement>("input")?.focus();
  }

  #written(zone: Zone | null, was: Zone | null, ring: Position[] | null): void {
    const { store } = this.host.viewer;
    this.#leaveMode();
    if (zone) {
      toast(t("zone_stored", { name: zone.properties.name ?? String(zone.id) }));
      void this.host.zones.load();
      // what was drawn is the stored zone now
      if (ring) store.set("zone", null);
      if (was?.id === zone.id) void this.#card.open(zone.id);
      else store.set("storedZone", zone.id);
    }
    this.render();
  }

  #mark(zone: Zone | null): void {
    this.host.marks.set(OPEN, zone ? [{ geometry: zone.geometry, color: zoneColor(zone.properties.kind), opacity: 0.16, width: 4 }] : []);
    this.#draw();
  }

  /** The zones in the colours of their kinds, in place of the tiles that have one for all; stronger while one works with them. */
  #draw(): void {
    const { viewer, zones, marks } = this.host;
    const open = this.#card.zone?.id;
    const layer = layerInfo(viewer, TILED);
    const isRead = zones.state === "read";
    const isOn = this.#isIn || layer === undefined || viewer.styles.isOn(layer, viewer.store.state);
    const inside = this.#isIn ? 0.14 : 0.08;
    marks.set(LIST, isRead && isOn ? zones.zones.filter(({ id }) => id !== open).map(({ geometry, properties: { kind, name } }): Mark =>
      (kind === "prevention" ? { geometry, color: zoneColor(kind), opacity: this.#isIn ? 0.05 : 0, width: 1.5, dashed: true }
        : { geometry, color: zoneColor(kind), opacity: inside, width: 2, dashed: true, ...(name && { label: name, quiet: true }) })) : []);
    if (viewer.styles.setReplaced(TILED, isRead)) void viewer.styles.apply(viewer.store.state);
  }
}
