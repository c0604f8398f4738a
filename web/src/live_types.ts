/** The shapes of the service's answers about what happens: events, sensors, cameras. Times RFC 3339. */

import type { Feature, LineString, MultiPolygon, Point, Polygon } from "geojson";
import type { Receipt, Title } from "./types";

export const STATES = ["collect", "file", "dispatch", "handle", "feedback", "close", "evaluate"] as const;
export type EventState = (typeof STATES)[number];
/** In which somebody still has something to do. */
export const OPEN_STATES: readonly EventState[] = STATES.slice(0, 5);

/** As lists and the stream tell of it: enough to draw it and to sort it into a list. */
export interface CityEvent {
  id: number;
  type_code: string | null;
  type: string | null;
  type_title: Title | null;
  title: string | null;
  /** 1 (worst) to 4; null where nobody said. */
  severity: number | null;
  state: EventState;
  occurred_at: string;
  due_at: string | null;
  address: string | null;
  longitude: number | null;
  latitude: number | null;
  merged_into_id: number | null;
}

export interface EventLocation {
  /** 0 to 1. */
  confidence?: number;
  reasons?: { by: string; factor: number }[];
}

export interface EventStep {
  action: string;
  actor: string | null;
  detail: { from?: string; to?: string; note?: string; responsible?: string } & Record<string, unknown>;
  at: string;
}

export interface EventFile extends CityEvent {
  source: string;
  source_key: string;
  description: string | null;
  received_at: string;
  state_since: string;
  area_code: string | null;
  grid_cell_code: string | null;
  building_id: number | null;
  storey_id: number | null;
  storey_number: number | null;
  space_id: number | null;
  room: string | null;
  height_m: number | null;
  device_code: string | null;
  sensor_id: number | null;
  camera_id: number | null;
  responsible: string | null;
  location: EventLocation;
  log: EventStep[];
  parts: CityEvent[];
  next: { state: EventState; needs_note: boolean }[];
}

/** A notice of the stream; what is null is left out. */
export interface EventNotice extends Partial<Omit<CityEvent, "longitude" | "latitude">> {
  id: number;
  lon?: number;
  lat?: number;
}

export interface EventType {
  code: string;
  title_zh: string;
  title_en: string;
}

export type ContextState = "found" | "none" | "no_data" | "not_visible" | "no_place";
export type ContextItem = Record<string, unknown> & { id?: number };

export interface ContextPart {
  state: ContextState;
  layers: { id: string; version: number; age_s: number | null }[];
  items: ContextItem[];
  radius_m?: number;
  by_road?: boolean;
  /** Of cameras: how many see the place, where that is more than are listed. */
  count?: number;
}

export type EventContext = { generated_at: string } & Record<string, ContextPart | string | unknown>;

export interface CameraSight {
  id: number;
  code: string | null;
  name: string | null;
  state: string | null;
  longitude: number;
  latitude: number;
}

export interface SeeingCamera extends CameraSight {
  distance_m: number;
  bearing_deg: number;
  is_offline: boolean;
}

export interface Seeing {
  longitude: number;
  latitude: number;
  height_m: number;
  count: number;
  looked_through: number;
  cameras: SeeingCamera[];
  receipt: Receipt;
}

export interface ViewshedFacts extends CameraSight {
  target_height_m: number;
  seen_m2: number;
  ground_m2: number;
  share: number | null;
  mount: string;
  is_offline: boolean;
  receipt: Receipt;
}

export type Viewshed = Feature<Polygon | MultiPolygon, ViewshedFacts>;

/** The name under which the service offers units; no layer of its catalogue. */
export const UNITS = "mobile_units";
export const UNIT_KINDS = ["person", "vehicle", "drone", "vessel", "terminal"] as const;
export type UnitKind = (typeof UNIT_KINDS)[number];

/** What the service tells of a unit beside its place. */
export interface UnitFacts {
  code: string;
  name: string | null;
  kind: string;
  owner: string | null;
  state: string | null;
  time: string;
  stale_at: string;
  age_s: number;
  is_stale: boolean;
  height_m: number | null;
  speed_m_s: number | null;
  heading_deg: number | null;
  accuracy_m: number | null;
}

export type UnitFeature = Feature<Point, UnitFacts> & { id: string };

/** A position for each time; geometry null where there is none in the span. */
export interface Trail {
  id: string;
  geometry: LineString | Point | null;
  properties: UnitFacts & { since: string; until: string; positions: number; times: string[]; speeds_m_s: (number | null)[] };
}

/** Where a unit is now; times in milliseconds since 1970. */
export interface Unit {
  code: string;
  name: string | null;
  kind: string;
  state: string | null;
  at: [number, number];
  heading_deg: number | null;
  time: number;
  stale_at: number;
}

/** A notice of the stream. */
export interface UnitNotice {
  code: string;
  kind: string;
  name?: string;
  state?: string;
  lon: number;
  lat: number;
  time: string;
}
