/** The service's event stream: which layers changed, which models arrived; reconnects by itself. */

import type { MercatorBox } from "./map/changed_tiles";
import type { EventNotice, UnitNotice } from "./live_types";
import type { Bounds } from "./types";

export interface LayerChange { layer: string; version: number; dataset?: string | null; bounds: Bounds | null }
/** Without boxes: anything of the layer. */
export interface TileChange { layer: string; boxes?: MercatorBox[] }
export interface ModelArrival { id: number; name: string; bounds: Bounds | null }
export type LiveState = "wait" | "on" | "off";

export interface LiveEvents {
  state: (state: LiveState) => void;
  layer: (change: LayerChange) => void;
  tiles: (change: TileChange) => void;
  model: (arrival: ModelArrival) => void;
  /** Events that are new or have changed. */
  events: (notices: EventNotice[]) => void;
  /** Mobile units that have moved. */
  units: (notices: UnitNotice[]) => void;
  /** Incidents have changed. */
  incidents: () => void;
  /** Sensors have told something. */
  observed: () => void;
  /** The stream is back after a gap: what was told meanwhile is lost, so everything is to be read again. */
  resumed: () => void;
}

const RETRY_MS = 4000;

export function listen(events: LiveEvents): void {
  let opened = false;
  const connect = () => {
    const stream = new EventSource("/live");
    stream.addEventListener("open", () => {
      events.state("on");
      if (opened) events.resumed();
      opened = true;
    });
    stream.addEventListener("error", () => {
      events.state("off");
      // the browser retries a broken stream by itself, but gives up for good after an error answer
      if (stream.readyState === EventSource.CLOSED) setTimeout(connect, RETRY_MS);
    });
    stream.addEventListener("layer", (event) => events.layer(JSON.parse((event as MessageEvent<string>).data) as LayerChange));
    stream.addEventListener("tiles", (event) => events.tiles(JSON.parse((event as MessageEvent<string>).data) as TileChange));
    stream.addEventListener("model", (event) => events.model(JSON.parse((event as MessageEvent<string>).data) as ModelArrival));
    stream.addEventListener("incident", () => events.incidents());
    stream.addEventListener("observation", () => events.observed());
    stream.addEventListener("track", (event) => events.units((JSON.parse((event as MessageEvent<string>).data) as { units: UnitNotice[] }).units));
    stream.addEventListener("event", (event) => events.events((JSON.parse((event as MessageEvent<string>).data) as { events: EventNotice[] }).events));
  };
  events.state("wait");
  connect();
}

/** Runs fn(key) at most once in each interval per key, and always once after the last call. */
export function throttled<K>(fn: (key: K) => void, intervalMs: number): (key: K) => void {
  const waiting = new Set<K>();
  return (key) => {
    if (waiting.has(key)) return;
    waiting.add(key);
    setTimeout(() => {
      waiting.delete(key);
      fn(key);
    }, intervalMs);
  };
}
