/** What cameras see: their cone at once, the ground that they see, and lines from those that see a place. */

import type { Feature, FeatureCollection, Geometry } from "geojson";
import type { GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import type { SeeingCamera } from "../live_types";
import type { Position } from "../types";
import { drawnLayers } from "./drawn_layers";

const SEEN = "#0a9d8f";
const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
const EARTH_M = 6_371_008.8;
const STEP_DEG = 4;

export interface Cone {
  at: Position;
  /** Clockwise from north. */
  azimuth_deg: number;
  hfov_deg: number;
  range_m: number;
}

/** The place so far from another in a direction, on the sphere. */
export function towards([lon, lat]: Position, bearingDeg: number, m: number): Position {
  const rad = Math.PI / 180;
  const [phi, theta, part] = [lat * rad, bearingDeg * rad, m / EARTH_M];
  const up = Math.asin(Math.sin(phi) * Math.cos(part) + Math.cos(phi) * Math.sin(part) * Math.cos(theta));
  const over = Math.atan2(Math.sin(theta) * Math.sin(part) * Math.cos(phi), Math.cos(part) - Math.sin(phi) * Math.sin(up));
  return [lon + over / rad, up / rad];
}

export function coneArea({ at, azimuth_deg, hfov_deg, range_m }: Cone): GeoJSON.Polygon {
  const steps = Math.max(2, Math.ceil(hfov_deg / STEP_DEG));
  const arc = Array.from({ length: steps + 1 }, (_, i) => towards(at, azimuth_deg - hfov_deg / 2 + (hfov_deg * i) / steps, range_m));
  const ring = hfov_deg >= 360 ? [...arc, arc[0]!] : [at, ...arc, at];
  return { type: "Polygon", coordinates: [ring] };
}

/** Adds what shows sight to the map, below the blocks where it lies on the ground. */
export function addSight(map: MapLibreMap): void {
  const blocks = drawnLayers(map).find((layer) => layer.type === "fill-extrusion")?.id;
  for (const name of ["viewer-cone", "viewer-viewshed", "viewer-seeing"]) map.addSource(name, { type: "geojson", data: EMPTY });
  map.addLayer({ id: "viewer-viewshed-fill", type: "fill", source: "viewer-viewshed", paint: { "fill-color": SEEN, "fill-opacity": 0.42 } }, blocks);
  map.addLayer({ id: "viewer-viewshed-line", type: "line", source: "viewer-viewshed", paint: { "line-color": SEEN, "line-width": 1 } }, blocks);
  map.addLayer({ id: "viewer-cone-fill", type: "fill", source: "viewer-cone", paint: { "fill-color": SEEN, "fill-opacity": 0.12 } }, blocks);
  map.addLayer({ id: "viewer-cone-line", type: "line", source: "viewer-cone", paint: { "line-color": SEEN, "line-width": 2, "line-dasharray": [3, 1.5] } });
  map.addLayer({ id: "viewer-seeing-line", type: "line", source: "viewer-seeing", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": SEEN, "line-width": 2.5 } });
  map.addLayer({
    id: "viewer-seeing-dot", type: "circle", source: "viewer-seeing", filter: ["==", ["geometry-type"], "Point"],
    paint: {
      "circle-radius": ["case", ["get", "target"], 6, 9], "circle-color": ["case", ["get", "target"], "#ff8a00", SEEN],
      "circle-stroke-color": "#ffffff", "circle-stroke-width": 2,
    },
  });
}

function set(map: MapLibreMap, source: string, features: Feature[]): void {
  void map.getSource<GeoJSONSource>(source)?.setData({ type: "FeatureCollection", features });
}

const plain = (geometry: Geometry, properties: Record<string, unknown> = {}): Feature => ({ type: "Feature", properties, geometry });

export function showCone(map: MapLibreMap, cone: Cone | null): void {
  set(map, "viewer-cone", cone ? [plain(coneArea(cone))] : []);
}

export function showViewshed(map: MapLibreMap, seen: Geometry | null): void {
  set(map, "viewer-viewshed", seen ? [plain(seen)] : []);
}

/** Lights the cameras that see a place, with a line from each to it; null: nothing. */
export function showSeeing(map: MapLibreMap, target: Position | null, cameras: SeeingCamera[]): void {
  if (!target) {
    set(map, "viewer-seeing", []);
    return;
  }
  set(map, "viewer-seeing", [
    ...cameras.map(({ longitude, latitude }) => plain({ type: "LineString", coordinates: [[longitude, latitude], target] })),
    ...cameras.map(({ id, longitude, latitude }) => plain({ type: "Point", coordinates: [longitude, latitude] }, { camera: id, target: false })),
    plain({ type: "Point", coordinates: target }, { target: true }),
  ]);
}
