/** Events, sight and the last day around the map: puts their parts together. */

import type { Point } from "maplibre-gl";
import { t } from "./i18n";
import { fits } from "./live/event_filter";
import { typeTitle } from "./live/event_words";
import type { CityEvent, EventNotice } from "./live_types";
import { LiveSensors } from "./live_sensors";
import { LiveUnits } from "./live_units";
import { EventDots } from "./map/event_dots";
import { addSight } from "./map/sight";
import { DayBar } from "./panels/day_bar";
import { EventPanel } from "./panels/event";
import { GroupPanel } from "./panels/group";
import { NowPanel } from "./panels/now";
import { SeeingPanel } from "./panels/seeing";
import type { SidePanel } from "./panels/side";
import { toast } from "./panels/toasts";
import type { Toolbar } from "./panels/toolbar";
import { layerInfo, type Viewer } from "./viewer";

const EVENTS = "events";
const WORST = 2;

export class LiveCity {
  readonly day: DayBar;
  readonly seeing: SeeingPanel;
  readonly sensors: LiveSensors;
  readonly units: LiveUnits;
  readonly #now: NowPanel;
  readonly #event: EventPanel;
  readonly #group: GroupPanel;
  #dots: EventDots | null = null;
  /** What the bar of the last day shows in place of the open events. */
  #past: CityEvent[] | null = null;

  constructor(private readonly viewer: Viewer, side: SidePanel, toolbar: () => Toolbar) {
    const { store, book } = viewer;
    this.#group = new GroupPanel(viewer, side);
    this.sensors = new LiveSensors(viewer, this.#group);
    this.units = new LiveUnits(viewer, side);
    this.#now = new NowPanel(viewer, side);
    this.#event = new EventPanel(viewer, side, (event) => this.#dots?.focus(event));
    this.seeing = new SeeingPanel(viewer, side, (active) => toolbar().setSeeing(active));
    this.day = new DayBar(viewer, side, (events) => {
      this.#past = events;
      if (events) this.#dots?.still();
      this.#draw();
    });
    viewer.openEvent = (id, target) => {
      store.set("event", id);
      if (target) viewer.flyTo(target);
    };
    store.watch(["theme"], ({ theme }) => this.#dots?.setTheme(theme));
    store.watch(["switched", "now"], () => this.#draw());
    book.watch(({ arrived }) => { this.#draw(); this.#greet(arrived); });
  }

  /** Begins once the map can be drawn on; opens what the address asked for. */
  begin(): void {
    const { map, store, book } = this.viewer;
    addSight(map);
    this.sensors.begin();
    this.units.begin();
    this.#dots = new EventDots(map, store.state.theme);
    this.#now.restore();
    if (store.state.event !== null) void this.#event.open(store.state.event);
    if (store.state.day) void this.day.follow();
    void book.load();
  }

  toggleNow(): void {
    this.#now.toggle();
  }

  hear(notices: EventNotice[]): void {
    this.viewer.book.hear(notices);
  }

  /** Whether an event or a group of them lies there. */
  covers(point: Point): boolean {
    return this.seeing.tool.active || Boolean(this.#dots?.at(point)) || this.units.covers(point) || this.sensors.covers(point);
  }

  /** Takes a click on the map if it is on an event or a group; true when it did. */
  take(point: Point): boolean {
    if (this.seeing.tool.active) return true;
    const hit = this.#dots?.at(point);
    if (!hit) return this.units.take(point) || this.sensors.take(point);
    if ("event" in hit) this.viewer.openEvent(hit.event);
    else void this.#openGroup(hit.group, hit.center);
    return true;
  }

  /** Lists the events of a group, and comes so near that it falls apart. */
  async #openGroup(group: number, center: [number, number]): Promise<void> {
    const ids = new Set(await this.#dots!.members(group));
    this.#group.showEvents(this.#dots!.drawn.filter(({ id }) => ids.has(id)));
    await this.#dots!.open(group, center);
  }

  #draw(): void {
    const { store, book, styles } = this.viewer;
    const layer = layerInfo(this.viewer, EVENTS);
    const isOn = layer !== undefined && styles.isOn(layer, store.state);
    const filter = store.state.now;
    this.#dots?.setVisible(isOn);
    this.#dots?.show(this.#past ?? (filter ? book.open.filter((event) => fits(event, filter)) : book.open));
    // the tiles show every event that ever was: they stay where the open ones cannot be had
    if (styles.setReplaced(EVENTS, book.state === "read" || this.#past !== null)) void styles.apply(store.state);
  }

  #greet(arrived: CityEvent[]): void {
    const { book, store } = this.viewer;
    const filter = store.state.now;
    const seen = arrived.filter((event) => !this.#past && (!filter || fits(event, filter)));
    this.#dots?.pulse(seen);
    for (const event of seen.filter(({ severity }) => severity !== null && severity <= WORST).slice(-2)) {
      const target = event.longitude === null ? undefined : { center: [event.longitude, event.latitude!] };
      toast(t("event_new", { name: event.title || typeTitle(event, book.types) }), "info", () => this.viewer.openEvent(event.id, target));
    }
  }
}
