/** Requests of commanders: zones, networks, floods, routes, receipts, incidents. */

import { body, request } from "./api";
import type {
  Cascade, Closed, Demarcation, DemarcateWish, Drainage, EntryKind, Flood, FloodWish, Incident, IncidentConflict, Inventory, Isochrone, Isolation, Nearest, Profile,
  Rerun, RouteAnswer, Rule, Timeline, Zone, ZoneList, ZoneLog, ZoneWish,
} from "./command_types";
import type { Position } from "./types";

const LISTED = 1000;
const MOST_PAGES = 20;
/** As many buildings and pipes of an isolation are drawn. */
const MOST_CUT = 5000;

export interface RouteQuery { from: Position; to: Position; via?: Position[]; profile: Profile; closed?: Closed }
export interface IsochroneQuery { from: Position; minutes: number[]; profile: Profile; direction: "from" | "to"; closed?: Closed }
export interface NearestQuery { from: Position; layer: string; kind?: string; n: number; by: "straight" | "road"; profile?: Profile; closed?: Closed }
export interface EntryWish { by: string; kind: EntryKind; ref?: number | string; text?: string; at?: string; summary?: Record<string, unknown> }

/** All pages of a list, as long as it has few. */
async function allPages<T extends { links?: { rel: string; href: string }[] }>(path: string, of: (page: T) => unknown[]): Promise<T> {
  const first = await request<T>(path);
  let page = first;
  for (let i = 1; i < MOST_PAGES; i += 1) {
    const next = page.links?.find(({ rel }) => rel === "next")?.href;
    if (!next) break;
    const { pathname, search } = new URL(next, location.origin);
    page = await request<T>(pathname + search);
    of(first).push(...of(page));
  }
  return first;
}

export const command = {
  zones: () => allPages<ZoneList>(`/zones?limit=${LISTED}`, (page) => page.features),
  zone: (id: number) => request<Zone>(`/zones/${id}`),
  makeZone: (wish: ZoneWish) => request<Zone>("/zones", body(wish)),
  changeZone: (id: number, wish: ZoneWish) => request<Zone>(`/zones/${id}`, body(wish, undefined, "PUT")),
  dropZone: (id: number, by: string) => request<void>(`/zones/${id}?${new URLSearchParams({ by })}`, { method: "DELETE" }),
  zoneInventory: (id: number, limit: number, signal?: AbortSignal, layer?: string) =>
    request<Inventory>(`/zones/${id}/inventory?${new URLSearchParams({ list_limit: String(limit), ...(layer && { layers: layer }) })}`, { signal: signal ?? null }),
  zoneLog: (id: number) => request<ZoneLog>(`/zones/${id}/log`),
  wholeLog: (after: number, limit: number) => request<ZoneLog>(`/zones/log?after=${after}&limit=${limit}`),
  liftZones: (group: string, by: string) => request<void>(`/zones/demarcations/${encodeURIComponent(group)}?${new URLSearchParams({ by })}`, { method: "DELETE" }),
  rules: async () => (await request<{ rules: Rule[] }>("/zones/rules")).rules,
  demarcate: (wish: DemarcateWish, signal?: AbortSignal) => request<Demarcation>("/zones/demarcate", body(wish, signal)),

  isolate: (network: string, from: string, unusable: string[], signal?: AbortSignal) =>
    request<Isolation>(`/networks/${encodeURIComponent(network)}/isolate?${isolated(from, unusable, { geometry: "true", limit: String(MOST_CUT) })}`, { signal: signal ?? null }),
  cascade: (network: string, from: string, unusable: string[], signal?: AbortSignal) =>
    request<Cascade>(`/networks/${encodeURIComponent(network)}/cascade?${isolated(from, unusable)}`, { signal: signal ?? null }),
  drainage: (network: string, wish: { rain?: { mm: number; hours: number } }, signal?: AbortSignal) =>
    request<Drainage>(`/networks/${encodeURIComponent(network)}/drainage`, body(wish, signal)),
  flood: (wish: FloodWish, signal?: AbortSignal) => request<Flood>("/terrain/flood", body(wish, signal)),
  route: (query: RouteQuery, signal?: AbortSignal) => request<RouteAnswer>("/query/route", body(query, signal)),
  isochrone: (query: IsochroneQuery, signal?: AbortSignal) => request<Isochrone>("/query/isochrone", body(query, signal)),
  nearest: (query: NearestQuery, signal?: AbortSignal) => request<Nearest>("/query/nearest", body(query, signal)),
  rerun: (hash: string) => request<Rerun>(`/receipts/${encodeURIComponent(hash)}/rerun`, body({})),

  incidents: async () => {
    const page = await allPages<{ incidents: Incident[]; links?: { rel: string; href: string }[] }>("/incidents", (each) => each.incidents);
    return page.incidents;
  },
  incident: (id: number, until?: string) => request<Incident>(`/incidents/${id}${until ? `?${new URLSearchParams({ until })}` : ""}`),
  mergeAdditions: (id: number, additions: unknown) => request<{ conflicts?: number[] }>(`/incidents/${id}/additions`, body(additions)),
  conflicts: async (id: number) => (await request<{ conflicts: IncidentConflict[] }>(`/incidents/${id}/conflicts?state=open`)).conflicts,
  settle: (id: number, conflict: number, choice: "ours" | "theirs", by: string) =>
    request<unknown>(`/incidents/${id}/conflicts/${conflict}/settle`, body({ choice, by })),
  openIncident: (wish: { name: string; by: string; kind?: string; position?: Position; note?: string }) => request<Incident>("/incidents", body(wish)),
  enter: (id: number, entry: EntryWish) => request<unknown>(`/incidents/${id}/entries`, body(entry)),
  timeline: (id: number, until?: string) =>
    allPages<Timeline>(`/incidents/${id}/timeline?${new URLSearchParams({ limit: String(LISTED), ...(until && { until }) })}`, (page) => page.entries),
  reopenIncident: (id: number, by: string, version: number) => request<Incident>(`/incidents/${id}`, body({ by, version, state: "open" }, undefined, "PUT")),
  closeIncident: (id: number, by: string) => request<unknown>(`/incidents/${id}/close`, body({ by })),
};

function isolated(from: string, unusable: string[], more: Record<string, string> = {}): string {
  return new URLSearchParams({ from, ...(unusable.length && { unusable: unusable.join(",") }), ...more }).toString();
}
