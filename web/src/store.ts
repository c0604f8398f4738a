/** The viewer's one state: small, replaced key by key, watched by whoever shows it, mirrored to the URL. */

import type { EventFilter } from "./live/event_filter";
import type { ModelLook } from "./map/model_look";
import type { Lang, Position } from "./types";

/** The tabs of the command page, and the tools of its last one. */
export const COMMAND_TABS = ["zones", "incident", "tools"] as const;
export type CommandTab = (typeof COMMAND_TABS)[number];
export const COMMAND_TOOLS = ["isolate", "flood", "drains", "route", "isochrone", "nearest"] as const;
export type CommandTool = (typeof COMMAND_TOOLS)[number];

export interface Camera {
  center: Position;
  zoom: number;
  bearing: number;
  pitch: number;
}

export type Theme = "light" | "dark";

export interface State {
  camera: Camera | null;
  /** Layers switched by the user, on or off, where that differs from the catalogue's default. */
  switched: Record<string, boolean>;
  /** Opacity by layer, 0 to 1, where the user changed it. */
  opacity: Record<string, number>;
  selection: number | null;
  lang: Lang;
  theme: Theme;
  /** The drawn zone's ring, not closed, or null. */
  zone: Position[] | null;
  hillshade: boolean;
  /** Whether the ground rises and falls, and all that stands on it with it. */
  terrain: boolean;
  /** Whether one looks below the ground: pipes at their depth, the parts of models there, all else seen through. */
  underground: boolean;
  /** Whether buildings are drawn from 3D Tiles, with the roofs that a city model gave. */
  detailed: boolean;
  /** The model that is looked into, and how. */
  look: ModelLook | null;
  /** Which open events are listed and drawn; null: the list is closed, and all are drawn. */
  now: EventFilter | null;
  /** The event whose card is open. */
  event: number | null;
  /** The code of the mobile unit whose card is open. */
  unit: string | null;
  /** Whether the bar of the last day is open. */
  day: boolean;
  /** The tab of the command page; null: it is closed. */
  command: CommandTab | null;
  tool: CommandTool;
  /** The stored zone that is open. */
  storedZone: number | null;
  /** The incident that is open. */
  incident: number | null;
}

export type Key = keyof State;
type Listener = (state: Readonly<State>) => void;

export class Store {
  #state: State;
  #listeners = new Map<Key, Set<Listener>>();

  constructor(initial: State) {
    this.#state = initial;
  }

  get state(): Readonly<State> {
    return this.#state;
  }

  set<K extends Key>(key: K, value: State[K]): void {
    if (Object.is(this.#state[key], value)) return;
    this.#state = { ...this.#state, [key]: value };
    for (const listener of this.#listeners.get(key) ?? []) listener(this.#state);
  }

  /** Calls the listener after any of the keys has changed; returns the way to stop. */
  watch(keys: Key[], listener: Listener): () => void {
    for (const key of keys) {
      const set = this.#listeners.get(key) ?? new Set();
      this.#listeners.set(key, set.add(listener));
    }
    return () => keys.forEach((key) => this.#listeners.get(key)?.delete(listener));
  }
}
