/** The open events, as the service lists them and as its stream tells of changes: what the map and the list show. */

import { api } from "../api";
import { OPEN_STATES, type CityEvent, type EventNotice, type EventType } from "../live_types";

const PAGE = 1000;
/** So many of the newest are read; more than that no map can show. */
const MOST_PAGES = 5;
/** Changes that come together are told together. */
const GATHER_MS = 80;
/** How often it is looked whether a clock has run out meanwhile. */
const CLOCK_MS = 5000;

export type BookState = "wait" | "read" | "failed";

export interface BookChange {
  /** Events that were not known before, and came by the stream. */
  arrived: CityEvent[];
  /** Of events that have changed. */
  changed: number[];
}

export const isOpen = (event: CityEvent): boolean => OPEN_STATES.includes(event.state);

export function isOverdue(event: { due_at: string | null }, now = Date.now()): boolean {
  return event.due_at !== null && Date.parse(event.due_at) < now;
}

/** All events between two moments, the newest first; cut is true where there are more than are read. */
export async function readEvents(query: Record<string, string>): Promise<{ events: CityEvent[]; cut: boolean }> {
  const events: CityEvent[] = [];
  for (let page = 0, after: number | undefined; page < MOST_PAGES; page++) {
    const found = await api.events({ ...query, limit: String(PAGE), ...(after ? { after: String(after) } : {}) });
    events.push(...found);
    if (found.length < PAGE) return { events, cut: false };
    after = found.at(-1)!.id;
  }
  return { events, cut: true };
}

function newestFirst(events: CityEvent[]): CityEvent[] {
  const times = new Map(events.map((event) => [event.id, Date.parse(event.occurred_at)]));
  return events.sort((a, b) => times.get(b.id)! - times.get(a.id)! || b.id - a.id);
}

export class EventBook {
  /** Whether there are older open events than those that were read. */
  isCut = false;
  state: BookState = "wait";
  reason: unknown = null;
  #events = new Map<number, CityEvent>();
  /** In order; null until somebody asks again after a change. */
  #open: CityEvent[] | null = null;
  #types = new Map<string, EventType>();
  #listeners = new Set<(change: BookChange) => void>();
  #waiting: BookChange = { arrived: [], changed: [] };
  #late = "";
  #asked = 0;

  constructor() {
    setInterval(() => this.#tick(), CLOCK_MS);
  }

  /** Open events, the latest first. */
  get open(): readonly CityEvent[] {
    return this.#open ??= newestFirst([...this.#events.values()].filter(isOpen));
  }

  get types(): ReadonlyMap<string, EventType> {
    return this.#types;
  }

  get(id: number): CityEvent | undefined {
    return this.#events.get(id);
  }

  watch(listener: (change: BookChange) => void): void {
    this.#listeners.add(listener);
  }

  /** Reads all open events anew. */
  async load(): Promise<void> {
    const ask = (this.#asked += 1);
    try {
      const [types, { events, cut }] = await Promise.all([
        api.eventTypes().catch(() => []), readEvents({ state: OPEN_STATES.join(",") }),
      ]);
      if (ask !== this.#asked) return;
      this.#types = new Map(types.map((type) => [type.code, type]));
      this.#events = new Map(events.map((event) => [event.id, event]));
      this.#open = null;
      this.isCut = cut;
      this.state = "read";
    } catch (error) {
      if (ask !== this.#asked) return;
      this.state = "failed";
      this.reason = error;
    }
    this.#tell({ arrived: [], changed: [...this.#events.keys()] });
  }

  /** Takes in what the stream tells. */
  hear(notices: EventNotice[]): void {
    this.#open = null;
    for (const { lon, lat, ...said } of notices) {
      const known = this.#events.get(said.id);
      const place = lon === undefined ? {} : { longitude: lon, latitude: lat };
      const event = { ...(known ?? this.#blank()), due_at: null, merged_into_id: null, ...said, ...place } as CityEvent;
      if (event.merged_into_id !== null) this.#events.delete(event.id);
      else this.#events.set(event.id, event);
      if (!known && isOpen(event) && event.merged_into_id === null) this.#waiting.arrived.push(event);
      this.#waiting.changed.push(event.id);
    }
    this.#gather();
  }

  #blank(): Partial<CityEvent> {
    return {
      type: null, type_code: null, type_title: null, title: null, severity: null, address: null, longitude: null, latitude: null,
      occurred_at: new Date().toISOString(),
    };
  }

  #gather = (() => {
    let timer = 0;
    return () => {
      timer ||= window.setTimeout(() => {
        timer = 0;
        const change = this.#waiting;
        this.#waiting = { arrived: [], changed: [] };
        this.#tell(change);
      }, GATHER_MS);
    };
  })();

  /** Events become late by themselves. */
  #tick(): void {
    const late = this.open.filter((event) => isOverdue(event)).map((event) => event.id).join();
    if (late !== this.#late) this.#tell({ arrived: [], changed: [] });
  }

  #tell(change: BookChange): void {
    this.#late = this.open.filter((event) => isOverdue(event)).map((event) => event.id).join();
    for (const listener of this.#listeners) listener(change);
  }
}
