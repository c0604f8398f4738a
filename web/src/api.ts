/** Requests to the service. Every failure becomes an ApiError that carries the service's own explanation. */

import type { StyleSpecification } from "maplibre-gl";
import type { CityEvent, EventContext, EventFile, EventState, EventType, Seeing, Trail, UnitFeature, Viewshed } from "./live_types";
import type { LastReadings, SensorFeature, Series, Threshold } from "./live/readings";
import type {
  Bounds, CityObject, Config, Dossier, Inventory, LayerInfo, ModelInfo, ModelSummary, SearchHit, Session,
} from "./types";

interface Problem {
  title?: string;
  detail?: string;
  status?: number;
  code?: string;
  values?: Record<string, unknown>;
}

/** What the service (or the network) answered instead of data; status 0 = it could not be reached. People read reasonOf. */
export class ApiError extends Error {
  constructor(
    readonly status: number, readonly title: string, detail: string,
    /** Which sentence the detail is, and what it tells beside its words; a service of an older day has neither. */
    readonly code = "", readonly values: Record<string, unknown> = {},
  ) {
    super(detail);
  }
}

let askForKey: (() => Promise<void>) | null = null;

/** Called when an answer is 401: resolves once the user has signed in, after which the request is repeated. */
export function onUnauthorised(ask: () => Promise<void>): void {
  askForKey = ask;
}

/** Nobody answered at all. */
export const unreachable = (): ApiError => new ApiError(0, "", "");

/** Why the service did not answer a request as it should. */
export async function failure(response: Response): Promise<ApiError> {
  let problem: Problem = {};
  try {
    problem = (await response.json()) as Problem;
  } catch {
    // not a problem document (a proxy's page, say): the status line is all there is
  }
  const title = problem.title ?? response.statusText;
  return new ApiError(response.status, title, problem.detail ?? title, problem.code, problem.values);
}

export async function request<T>(path: string, init: RequestInit = {}, retry = true): Promise<T> {
  let response: Response;
  try {
    response = await fetch(path, { credentials: "same-origin", ...init });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") throw error;
    throw unreachable();
  }
  if (response.status === 401 && retry && askForKey) {
    await askForKey();
    return request<T>(path, init, false);
  }
  if (!response.ok) throw await failure(response);
  if (response.status === 204) return undefined as T;
  return (await response.json()) as T;
}

export function body(value: unknown, signal?: AbortSignal, method = "POST"): RequestInit {
  return { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(value), signal: signal ?? null };
}

export interface InventoryQuery {
  geometry: GeoJSON.Polygon;
  layers?: string[] | null;
  list_limit?: number;
}

export const api = {
  config: () => request<Config>("/api/config"),
  layers: async () => (await request<{ layers: LayerInfo[] }>("/api/layers")).layers,
  models: async () => (await request<{ models: ModelInfo[] }>("/api/models")).models,
  modelSummary: (id: number) => request<ModelSummary>(`/3d/models/${id}/summary.json`),
  object: (id: number) => request<CityObject>(`/objects/${id}`),
  dossier: (id: number) => request<Dossier>(`/buildings/${id}/dossier`),
  style: (name: string) => request<StyleSpecification>(`/styles/${encodeURIComponent(name)}.json`),
  search: async (query: string, signal: AbortSignal) => {
    const path = `/search?limit=12&q=${encodeURIComponent(query)}`;
    return (await request<{ results: SearchHit[] }>(path, { signal })).results;
  },
  inventory: (query: InventoryQuery, signal?: AbortSignal) =>
    request<Inventory>("/query/inventory", body(query, signal)),
  events: async (query: Record<string, string>) =>
    (await request<{ events: CityEvent[] }>(`/events?${new URLSearchParams(query)}`)).events,
  event: (id: number) => request<EventFile>(`/events/${id}`),
  eventContext: (id: number, signal: AbortSignal) => request<EventContext>(`/events/${id}/context`, { signal }),
  eventTypes: () => request<EventType[]>("/events/types"),
  stepEvent: (id: number, step: { state: EventState; by: string; note?: string }) =>
    request<CityEvent>(`/events/${id}/state`, body(step)),
  lastReadings: () => request<LastReadings>("/sensors/last"),
  /** The day before the sensor's last reading, or a span of time. */
  series: (id: number, points: number, span?: { from: string; to: string }) =>
    request<Series>(`/sensors/${id}/series?${new URLSearchParams({ points: String(points), ...span })}`),
  thresholds: () => request<Threshold[]>("/sensors/thresholds"),
  viewshed: (id: number) => request<Viewshed>(`/cameras/${id}/viewshed`),
  seeing: (lon: number, lat: number, heightM: number, limit: number, signal?: AbortSignal) =>
    request<Seeing>(`/cameras/seeing?lon=${lon}&lat=${lat}&height_m=${heightM}&limit=${limit}`, { signal: signal ?? null }),
  sensorsWithin: async ([west, south, east, north]: Bounds) =>
    (await request<{ features: SensorFeature[] }>(`/ogc/collections/sensors/items?limit=1000&bbox=${west},${south},${east},${north}`)).features,
  units: async (query: Record<string, string>) =>
    (await request<{ features: UnitFeature[] }>(`/tracks?${new URLSearchParams(query)}`)).features,
  trail: (code: string) => request<Trail>(`/tracks/${encodeURIComponent(code)}`),
  session: () => request<Session>("/session", {}, false),
  signIn: (key: string) => request<void>("/session", body({ key }), false),
  signOut: () => request<void>("/session", { method: "DELETE" }, false),
};
