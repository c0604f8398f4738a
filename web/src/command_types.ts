/** The shapes of the service's answers for commanders: zones, networks, floods, routes, incidents. */

import type { Feature, FeatureCollection, Geometry, LineString, MultiPolygon, Point, Polygon } from "geojson";
import type { Inventory, Note, Position, Receipt, Title } from "./types";

export type Area = Polygon | MultiPolygon;
/** A count; a range where the data cover a place in part; null where it may not be seen or is not known. */
export type Tally = number | null | string | [number, number] | Record<string, unknown>;

export interface ZoneFacts {
  name: string | null;
  kind: string | null;
  author: string | null;
  version: number;
  area_code: string | null;
  area_m2: number | null;
  recorded_at: string;
  note: string | null;
  /** The three zones of one demarcation share it. */
  group?: string | null;
}
export type Zone = Feature<Area | null, ZoneFacts> & { id: number };
export type ZoneList = FeatureCollection<Area | null, ZoneFacts> & { features: Zone[]; links?: { rel: string; href: string }[] };

/** What a zone is to be made from; exactly one of the sources. */
export interface ZoneWish {
  name: string;
  by: string;
  kind?: string;
  note?: string;
  version?: number;
  geometry?: Geometry;
  buffer?: { geometry?: Geometry; object?: number; distance_m: number };
  area_code?: string;
  buildings?: (string | number)[];
  units?: (string | number)[];
  isochrone?: { from: Position; minutes: number; profile: Profile };
}

export interface ZoneLogEntry {
  id: number;
  zone_id: number | null;
  action: string;
  author: string | null;
  recorded_at: string;
  entry: Record<string, unknown>;
  hash: string;
}
export interface ZoneLog { entries: ZoneLogEntry[]; verified?: boolean; broken?: { id: number; reason: string } | null; last_hash?: string }

export type DemarcatedKind = "sealed" | "controlled" | "prevention";
export interface DemarcatedFacts {
  kind: DemarcatedKind;
  name?: string | null;
  area_m2?: number;
  gates: Tally;
  persons?: Tally;
  residents?: Tally;
  buildings: Tally;
  units: Tally;
}
export interface Rule {
  name: string;
  title: Title;
  sealed?: unknown;
  controlled?: unknown;
  sealed_m: number | null;
  controlled_m: number | null;
}
export type DemarcateAt = { position: Position } | { address: string } | { building: number | string } | { unit: number | string } | { event: number };
export interface DemarcateWish {
  by: string;
  at: DemarcateAt;
  rule: string;
  sealed_m?: number;
  controlled_m?: number;
  name?: string;
  dry_run: boolean;
}
export type DemarcatedZone = Feature<Area | null, DemarcatedFacts> & { id?: number };
export interface Demarcation {
  group: string | number | null;
  zones: DemarcatedZone[];
  gates: FeatureCollection<Point, Record<string, unknown>>;
  log: { zone: number; hash: string } | null;
  /** Whether the case lies in zones of before, which are made anew with it. */
  extended?: boolean;
  rule: Rule | string | Record<string, unknown>;
  receipt: Receipt;
}

export interface NetworkNode {
  id: number;
  source_key: string | null;
  name: string | null;
  kind: string | null;
  state: string | null;
  longitude: number;
  latitude: number;
}
export interface Valve extends NetworkNode {
  layer: string;
  distance_m: number | null;
  fault: string | null;
  action?: "close" | "keep_closed" | "plug";
  is_next_out?: boolean;
  reason?: string;
}
export interface NetworkPipe { id: number; source_key: string | null; length_m: number; diameter_mm: number | null; material: string | null; geometry?: Geometry }
export interface Served {
  buildings: Tally;
  units: Tally;
  storeys: Tally;
  residents: Tally;
  households: Tally;
  hospitals: Tally;
  critical: Record<string, Tally>;
}
export interface NetworkPart {
  totals: { pipes: number; nodes: number; length_m: number; hydrants: number; customers: number; pumps: number };
  served: Served | null;
  pipes: NetworkPipe[];
  nodes: NetworkNode[];
  hydrants: NetworkNode[];
  truncated: boolean;
}
export interface CutBuilding { id: number; code: string | null; name: string | null; use: string | null; units?: Tally; part: "isolated" | "shadow" }
export interface CriticalPlace { id: number; name: string | null; kind: string | null; capacity: number | null; longitude: number; latitude: number; part: string }
export interface Isolation {
  network: string;
  from: { layer: string | null; id: number | null; source_key: string | null; longitude: number; latitude: number; distance_m: number };
  valves: Valve[];
  failed: Valve[];
  is_whole_part: boolean;
  sources: { known: number; inside: number; to_shut: NetworkNode[] };
  isolated: NetworkPart;
  shadow: NetworkPart | null;
  cut_off: Served | null;
  buildings: CutBuilding[] | null;
  critical: CriticalPlace[] | null;
  receipt: Receipt;
}
export interface CascadeStep {
  step: number;
  round: number;
  after: unknown;
  network: string;
  what: string;
  count: number;
  reason: string;
  /** Which reason it is. */
  reason_code?: string;
  cover_m?: number;
  objects: { id: number; name?: string | null; code?: string | null; source_key?: string | null; kind?: string | null; longitude?: number; latitude?: number }[];
}
export interface Cascade { network: string; steps: CascadeStep[]; receipt: Receipt }

export type Profile = "car" | "foot";
export interface Closed { zones?: number[]; geometry?: Geometry; flood?: FloodWish }
export interface RouteStep { name: string | null; distance_m: number; seconds: number }
export interface RouteAnswer {
  geometry: LineString | null;
  /** null where nothing leads there. */
  distance_m: number | null;
  seconds: number | null;
  steps: RouteStep[];
  origin?: unknown;
  aim?: unknown;
  closed_edges?: unknown;
  state?: string;
  blocked?: { reason: string; closed_by: { kind: string; id?: number }[]; roads: string[]; message: string } | null;
  receipt: Receipt;
}
export type Isochrone = FeatureCollection<Area, { minutes: number; area_m2: number }> & { receipt: Receipt };
export interface NearItem {
  id: number;
  name: string | null;
  layer: string;
  kind: string | null;
  position: Position;
  distance_m: number | null;
  seconds?: number | null;
  road_m?: number | null;
}
export interface Nearest { items: NearItem[]; state: string; receipt: Receipt }

export type FloodFrom = { point: Position } | { river: number } | { line: Geometry };
export interface FloodWish {
  from?: FloodFrom;
  level_m?: number;
  rise_m?: number;
  rain?: { mm: number; hours: number };
  within?: Geometry | { zone: number };
  limit?: number;
}
export interface FloodedThing { id: number; name: string | null; depth_m?: number | null; storeys_wet?: number | null; length_m?: number | null; kind?: string | null; layer?: string; position?: Position }
export interface FloodPart { count?: Tally; length_m?: number; items?: FloodedThing[] }
export interface FloodBuildings extends FloodPart {
  by_depth?: { depth_from_m: number | null; depth_to_m: number | null; count?: Tally; buildings?: Tally }[];
  units?: Tally;
  residents?: Tally;
  households?: Tally;
}
export interface Flood {
  extent: FeatureCollection<Area, { depth_from_m: number; depth_to_m: number | null }>;
  area_m2: number;
  volume_m3: number;
  deepest_m: number;
  buildings: FloodBuildings;
  roads: FloodPart;
  works?: FloodPart | Record<string, FloodPart | unknown>;
  resources?: FloodPart | Record<string, FloodPart | unknown>;
  notes?: Note[];
  receipt: Receipt;
}

interface DrainFacts { source_key: string | null; name: string | null; kind: string | null; volume_m3?: number; surcharged_hours?: number }
/** state: not_available where the owner has no model, or it cannot be run. */
export type Drainage = { network: string; state: "not_available"; reason: string; reason_code?: string; reason_values?: Record<string, unknown>; remedy: string } | {
  network: string;
  state: "computed";
  engine: string;
  continuity: { runoff: number; routing: number };
  nodes: { count: number; flooded: number; volume_m3: number; features: FeatureCollection<Geometry | null, DrainFacts> };
  pipes: { count: number; surcharged: number; features: FeatureCollection<Geometry | null, DrainFacts> };
  receipt: Receipt;
};

export interface Rerun {
  holds: boolean;
  asked: { method: string; path: string };
  then: { at: string; hash: string };
  now: { at: string; hash: string };
  layers: { layer: string; version_then: number | null; version_now: number | null; found_then: number | null; found_now: number | null }[];
  differs: string[];
}

export interface Incident {
  id: number;
  name: string;
  kind: string | null;
  state: "open" | "closed";
  position: Position | null;
  note: string | null;
  version?: number;
  opened_at?: string;
  opened_by?: string | null;
  closed_at?: string | null;
  /** What belongs to it, as it was at the moment that was asked for. */
  zones?: FeatureCollection<Geometry | null>;
  events?: FeatureCollection<Geometry | null>;
  units?: FeatureCollection<Geometry | null>;
  notes?: FeatureCollection<Geometry | null>;
  /** How many wait to be settled. */
  conflicts?: number;
}
export const ENTRY_KINDS = ["note", "event", "zone", "analysis", "unit"] as const;
export type EntryKind = (typeof ENTRY_KINDS)[number];
export interface TimelineEntry {
  id?: number | null;
  uuid?: string;
  at: string;
  recorded_at?: string;
  by: string | null;
  kind: string;
  ref?: unknown;
  text?: string | null;
  snapshot?: Record<string, unknown> | null;
  /** said: somebody wrote it; else it happened by itself. */
  origin?: string;
  corrects?: string | null;
  corrected_by?: string[];
}
export interface Timeline { entries: TimelineEntry[]; until?: string; total?: number; links?: { rel: string; href: string }[] }
export interface IncidentConflict {
  id: number;
  subject: string;
  ref: string | null;
  author: string;
  base: Record<string, unknown>;
  ours: Record<string, unknown>;
  theirs: Record<string, unknown>;
}
export type { Inventory };
