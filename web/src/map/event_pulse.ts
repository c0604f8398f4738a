/** A ring that grows around new events, once, so that the eye finds them. */

import type { FeatureCollection } from "geojson";
import type { GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import { SEVERITY_COLORS } from "../live/event_words";
import { isMotionReduced } from "./graphics";

const PULSE = "viewer-event-pulse";
const LASTS_MS = 2400;
const TURNS = 2;
const LEAST_PX = 10;
const MOST_PX = 46;
const STILL_PX = 22;
const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };

export class EventPulse {
  #frame = 0;
  #end = 0;
  #began = 0;

  constructor(private readonly map: MapLibreMap) {
    map.addSource(PULSE, { type: "geojson", data: EMPTY });
    map.addLayer({
      id: PULSE, type: "circle", source: PULSE,
      paint: {
        "circle-color": "rgba(0,0,0,0)", "circle-stroke-color": SEVERITY_COLORS[1]!, "circle-stroke-width": 3, "circle-radius": STILL_PX,
        "circle-radius-transition": { duration: 0 }, "circle-stroke-opacity-transition": { duration: 0 },
      },
    });
  }

  start(events: FeatureCollection): void {
    if (!events.features.length) return;
    void this.map.getSource<GeoJSONSource>(PULSE)?.setData(events);
    this.#began = performance.now();
    clearTimeout(this.#end);
    this.#end = window.setTimeout(() => this.stop(), LASTS_MS);
    // a ring that stands still tells the same to who wants no motion
    if (!isMotionReduced() && !this.#frame) this.#grow();
  }

  stop(): void {
    clearTimeout(this.#end);
    cancelAnimationFrame(this.#frame);
    this.#frame = 0;
    void this.map.getSource<GeoJSONSource>(PULSE)?.setData(EMPTY);
  }

  #grow = (): void => {
    const part = (((performance.now() - this.#began) / LASTS_MS) * TURNS) % 1;
    this.map.setPaintProperty(PULSE, "circle-radius", LEAST_PX + part * (MOST_PX - LEAST_PX));
    this.map.setPaintProperty(PULSE, "circle-stroke-opacity", 1 - part);
    this.#frame = requestAnimationFrame(this.#grow);
  };
}
