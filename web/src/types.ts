/** The shapes of the service's answers. Coordinates are longitude, latitude; times RFC 3339. */

import type { Geometry } from "geojson";

export type Lang = "zh" | "en";
export type Title = Record<Lang, string>;
/** west, south, east, north in degrees. */
export type Bounds = [number, number, number, number];
export type Position = [number, number];

export interface Config {
  title: Title;
  bounds: Bounds;
  center: Position;
  zoom: number;
  metric_crs: string;
  languages: Lang[];
  terrain: boolean;
  role: string;
}

export interface LegendEntry {
  label: Title;
  color: string;
  value: string | null;
}

export interface FieldInfo {
  type: string;
  title: Title;
}

export interface LayerInfo {
  id: string;
  title: Title;
  theme: { id: string; title: Title };
  geometry_type: string;
  kind: string;
  count: number | null;
  bounds: Bounds | null;
  min_zoom: number;
  max_zoom: number;
  version: number;
  updated_at: string | null;
  owner: string | null;
  licence: string | null;
  source: string | null;
  tiles: string | null;
  legend: LegendEntry[];
  fields: Record<string, FieldInfo>;
  visible: boolean;
  searchable: boolean;
}

export interface ModelInfo {
  id: number;
  name: string;
  building_id: number | null;
  schema: string;
  elements: number;
  status: string;
  tileset: string | null;
  center: [number, number, number] | null;
  bounds: Bounds | null;
  imported_at: string | null;
}

export interface ModelStorey {
  id: number;
  name: string | null;
  number: number | null;
  elevation_m: number | null;
}

/** A number of elements of one kind on one storey. */
export interface ModelGroup {
  storey_id: number | null;
  ifc_class: string;
  system: string | null;
  discipline: string;
  count: number;
}

/** What a model holds; storeys from the top down. */
export interface ModelSummary {
  id: number;
  name: string | null;
  building_id: number | null;
  storeys: ModelStorey[];
  disciplines: string[];
  groups: ModelGroup[];
}

export interface Dataset {
  id: number;
  name: string;
  file: string | null;
  owner: string | null;
  date: string | null;
  licence: string | null;
  crs: string | null;
  accuracy_m: number | null;
  transform: string | null;
  ballpark: boolean;
}

export interface FieldSource {
  value: unknown;
  source_id: number;
  dataset: string;
  kind: string;
  rule: string;
}

export interface Link {
  rel: string;
  href: string;
  title: string;
}

export interface CityObject {
  id: number;
  layer: string;
  layer_title: Title;
  name: string | null;
  geometry: Geometry | null;
  bounds: Bounds | null;
  attributes: Record<string, unknown>;
  extra: Record<string, unknown> | null;
  cim_level: number | null;
  valid_from: string | null;
  recorded_at: string | null;
  provenance: { dataset: Dataset | null; source_key: string | null } | null;
  fields?: Record<string, FieldSource>;
  links: Link[];
}

export interface BuildingSource {
  id: number;
  kind: string;
  dataset: string;
  source_key: string;
  score: number | null;
  reason: Record<string, unknown> | null;
  fields: Record<string, unknown>;
  recorded_at: string;
}

export interface Conflict {
  id: number;
  field: string;
  severity: number;
  values: { source_id: number; kind: string; dataset: string; value: unknown }[];
  chosen: unknown;
  status: "open" | "settled";
}

export interface Storey {
  id: number;
  name: string | null;
  number: number | null;
  elevation_m: number | null;
  height_m: number | null;
}

export interface Dossier {
  building: CityObject;
  sources: BuildingSource[];
  conflicts: Conflict[];
  units: { count: number; by_use: Record<string, number>; area_m2: number | null; list: string };
  storeys: Storey[];
  models: ModelInfo[];
}

export interface SearchHit {
  id: number;
  layer: string;
  layer_title: Title;
  name: string;
  detail: string | null;
  score: number;
  center: Position | null;
  bounds: Bounds | null;
}

export interface InventoryItem {
  id: number;
  name: string | null;
  detail: string | null;
  center: Position | null;
}

export interface InventoryLayer {
  id: string;
  title: Title;
  count: number;
  sums: Record<string, number | null>;
  /** Sums (and the count) that rest on a part: between what is known and what may be. */
  ranges?: Record<string, { low: number; high: number | null }>;
  groups: { field: string; values: { value: string | null; count: number }[] } | null;
  items: InventoryItem[];
  more: string | null;
}

export interface InventoryTheme {
  id: string;
  title: Title;
  layers: InventoryLayer[];
}

export interface ReceiptDataset {
  id: number;
  name: string;
  version_date: string | null;
  recorded_at: string | null;
  age_days: number | null;
  crs: string | null;
  accuracy_m: number | null;
  ballpark: boolean;
}

/** A sentence of the service, and what it takes to say it in another language. */
export interface Note {
  code: string;
  message: string;
  /** Which of its sentences, where several have the code. */
  wording?: string;
  values?: Record<string, unknown>;
}

export interface Receipt {
  generated_at: string;
  datasets: ReceiptDataset[];
  layers: Record<string, { version: number; updated_at: string | null; state: "data" | "empty" | "no_data" }>;
  parameters: Record<string, unknown>;
  notes: Note[];
  hash: string;
}

export interface Inventory {
  area_m2: number;
  themes: InventoryTheme[];
  total: number;
  receipt: Receipt;
}

export interface Session {
  role: string;
  area: string | null;
  open: boolean;
}
