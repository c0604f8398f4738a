/** The sensors' last readings on the map, renewed as they come; without them the catalogue's own dots stay. */

import type { Point } from "maplibre-gl";
import { api } from "./api";
import { throttled } from "./live";
import { SensorDots } from "./map/sensor_dots";
import type { GroupPanel } from "./panels/group";
import { layerInfo, type Viewer } from "./viewer";

const SENSORS = "sensors";
/** All of a district's sensors at once are a megabyte. */
const REFRESH_MS = 10_000;
/** Sensors fall silent without saying so. */
const SILENCE_MS = 60_000;

export class LiveSensors {
  #dots: SensorDots | null = null;
  #isRead = false;
  #refresh = throttled<string>(() => void this.#load(), REFRESH_MS);

  constructor(private readonly viewer: Viewer, private readonly group: GroupPanel) {
    viewer.store.watch(["switched"], () => void this.#load());
  }

  begin(): void {
    this.#dots = new SensorDots(this.viewer.map);
    void this.#load();
    setInterval(() => { if (this.#isRead) void this.#load(); }, SILENCE_MS);
  }

  /** New readings have come. */
  hear(): void {
    this.#refresh(SENSORS);
  }

  covers(point: Point): boolean {
    return Boolean(this.#dots?.at(point));
  }

  take(point: Point): boolean {
    const hit = this.#dots?.at(point);
    if (!hit) return false;
    if ("sensor" in hit) this.viewer.select(hit.sensor);
    else void this.#openGroup(hit.group, hit.center);
    return true;
  }

  async #openGroup(group: number, center: [number, number]): Promise<void> {
    const dots = this.#dots!;
    const { ids, bounds } = await dots.members(group);
    void this.group.showSensors(ids, bounds, dots.last);
    await dots.open(group, center);
  }

  async #load(): Promise<void> {
    const { store, styles } = this.viewer;
    const layer = layerInfo(this.viewer, SENSORS);
    const isOn = layer !== undefined && styles.isOn(layer, store.state);
    this.#dots?.setVisible(isOn);
    if (!this.#dots || !isOn) return;
    try {
      this.#dots.show(await api.lastReadings());
      this.#isRead = true;
    } catch {
      // an older service, or none just now: what is drawn stays
      return;
    }
    if (styles.setReplaced(SENSORS, true)) void styles.apply(store.state);
  }
}
