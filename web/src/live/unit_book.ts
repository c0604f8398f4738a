/** Mobile units: where each was last, as the service lists them and as its stream tells of their moves. */

import { ApiError, api } from "../api";
import { throttled } from "../live";
import type { Unit, UnitFeature, UnitNotice } from "../live_types";

/** A position that does not say until when it holds is stale after this, as the service has it. */
const HOLDS_MS = 300_000;
/** For a unit that is new the list is read, at most so often: it says until when a position holds, the stream does not. */
const REFRESH_MS = 2000;
/** Units fall silent without saying so. */
const SILENCE_MS = 15_000;
const MOST_PAGES = 10;
const PAGE = 1000;
/** What is less may be the receiver's own trembling. */
const LEAST_MOVE_M = 2;
const DEGREE_M = 111_195;

export const isStale = (unit: Unit, now = Date.now()): boolean => unit.stale_at < now;

export class UnitBook {
  #units = new Map<string, Unit>();
  #listeners = new Set<() => void>();
  #isAllowed = true;
  #refresh = throttled<string>(() => void this.load(), REFRESH_MS);

  constructor() {
    setInterval(() => { if (this.#units.size) this.#tell(); }, SILENCE_MS);
  }

  /** By code. */
  get all(): ReadonlyMap<string, Unit> {
    return this.#units;
  }

  watch(listener: () => void): void {
    this.#listeners.add(listener);
  }

  /** Reads all units anew; for a role that may not see them there are none. */
  async load(): Promise<void> {
    if (!this.#isAllowed) return;
    try {
      const units = new Map<string, Unit>();
      for (let page = 0, after = ""; page < MOST_PAGES; page++) {
        const found = await api.units({ limit: String(PAGE), ...(after && { after }) });
        for (const feature of found) units.set(feature.id, this.#newer(unitOf(feature)));
        if (found.length < PAGE) break;
        after = found.at(-1)!.id;
      }
      this.#units = units;
      this.#tell();
    } catch (error) {
      // an older service, or a role that sees no units: it is not asked again; else what is drawn stays
      if (error instanceof ApiError && [401, 403, 404, 405].includes(error.status)) this.#isAllowed = false;
    }
  }

  /** Takes in what the stream tells. */
  hear(notices: UnitNotice[]): void {
    let isNew = false;
    for (const notice of notices) {
      const known = this.#units.get(notice.code);
      if (known && Date.parse(notice.time) <= known.time) continue;
      isNew ||= !known;
      this.#units.set(notice.code, moved(known, notice));
    }
    if (isNew) this.#refresh("units");
    this.#tell();
  }

  /** What was told while the list was being read is not to be lost; where a unit goes is told by its way where it does not say. */
  #newer(unit: Unit): Unit {
    const known = this.#units.get(unit.code);
    if (!known) return unit;
    if (known.time > unit.time) return { ...known, name: known.name ?? unit.name, state: known.state ?? unit.state };
    return { ...unit, heading_deg: unit.heading_deg ?? bearing(known.at, unit.at) ?? known.heading_deg };
  }

  #tell(): void {
    for (const listener of this.#listeners) listener();
  }
}

export function unitOf({ id, geometry, properties: told }: UnitFeature): Unit {
  const [lon, lat] = geometry.coordinates;
  return {
    code: id, name: told.name, kind: told.kind, state: told.state, at: [lon!, lat!], heading_deg: told.heading_deg,
    time: Date.parse(told.time), stale_at: Date.parse(told.stale_at),
  };
}

function moved(known: Unit | undefined, { code, kind, name, state, lon, lat, time }: UnitNotice): Unit {
  const when = Date.parse(time);
  return {
    code, name: name ?? known?.name ?? null, kind, state: state ?? known?.state ?? null, at: [lon, lat], time: when, stale_at: when + HOLDS_MS,
    heading_deg: (known && bearing(known.at, [lon, lat])) ?? known?.heading_deg ?? null,
  };
}

/** Clockwise from north, on a plane: units do not move far between two positions. */
function bearing([lon0, lat0]: readonly [number, number], [lon1, lat1]: readonly [number, number]): number | null {
  const east = (lon1 - lon0) * Math.cos((lat0 * Math.PI) / 180) * DEGREE_M;
  const north = (lat1 - lat0) * DEGREE_M;
  if (Math.hypot(east, north) < LEAST_MOVE_M) return null;
  return ((Math.atan2(east, north) * 180) / Math.PI + 360) % 360;
}
