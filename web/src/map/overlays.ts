/** What the viewer itself draws over the catalogue: the selected object, the zone, the polygon being drawn. */

import type { ExpressionSpecification, GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import type { FeatureCollection, Geometry } from "geojson";
import type { CityObject, Position } from "../types";
import { drawnLayers } from "./drawn_layers";

const ACCENT = "#ff8a00";
const ZONE = "#1664d9";
const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };

const isArea: ExpressionSpecification = ["==", ["geometry-type"], "Polygon"];
const isPoint: ExpressionSpecification = ["==", ["geometry-type"], "Point"];
const isLine: ExpressionSpecification = ["==", ["geometry-type"], "LineString"];

export function addOverlays(map: MapLibreMap): void {
  const extrusion = map.getLayer("buildings:extrusion") ? "buildings:extrusion" : undefined;
  map.addSource("viewer-zone", { type: "geojson", data: EMPTY });
  map.addSource("viewer-selection", { type: "geojson", data: EMPTY });
  map.addSource("viewer-draw", { type: "geojson", data: EMPTY });
  map.addLayer({ id: "viewer-zone-fill", type: "fill", source: "viewer-zone", paint: { "fill-color": ZONE, "fill-opacity": 0.1 } }, extrusion);
  map.addLayer({ id: "viewer-zone-line", type: "line", source: "viewer-zone", layout: { "line-join": "round" }, paint: { "line-color": ZONE, "line-width": 2.5, "line-dasharray": [3, 1.5] } }, extrusion);
  map.addLayer({ id: "viewer-selection-fill", type: "fill", source: "viewer-selection", filter: isArea, paint: { "fill-color": ACCENT, "fill-opacity": 0.28 } }, extrusion);
  map.addLayer({ id: "viewer-selection-line", type: "line", source: "viewer-selection", filter: ["any", isArea, isLine], layout: { "line-join": "round", "line-cap": "round" }, paint: { "line-color": ACCENT, "line-width": 4 } }, extrusion);
  map.addLayer({ id: "viewer-selection-circle", type: "circle", source: "viewer-selection", filter: isPoint, paint: { "circle-radius": 11, "circle-color": ACCENT, "circle-opacity": 0.2, "circle-stroke-color": ACCENT, "circle-stroke-width": 3 } });
  map.addLayer({ id: "viewer-draw-fill", type: "fill", source: "viewer-draw", filter: isArea, paint: { "fill-color": ZONE, "fill-opacity": 0.12 } });
  map.addLayer({ id: "viewer-draw-line", type: "line", source: "viewer-draw", filter: ["any", isArea, isLine], paint: { "line-color": ZONE, "line-width": 2.5 } });
  map.addLayer({ id: "viewer-draw-vertex", type: "circle", source: "viewer-draw", filter: isPoint, paint: { "circle-radius": 5, "circle-color": "#fff", "circle-stroke-color": ZONE, "circle-stroke-width": 2.5 } });
  addBuildingHighlight(map);
}

/** The selected building drawn from its own tile, so that its walls coincide with those it covers. */
function addBuildingHighlight(map: MapLibreMap): void {
  const own = drawnLayers(map).find((layer) => layer.id === "buildings:extrusion");
  if (own?.type !== "fill-extrusion") return;
  map.addLayer({
    id: "viewer-selection-extrusion", type: "fill-extrusion", source: own.source, "source-layer": own["source-layer"] ?? "buildings",
    minzoom: own.minzoom ?? 0,
    filter: ["==", ["id"], -1],
    paint: { ...own.paint, "fill-extrusion-color": ACCENT, "fill-extrusion-opacity": 1 },
  });
}

function setData(map: MapLibreMap, source: string, geometries: Geometry[]): void {
  const data: FeatureCollection = {
    type: "FeatureCollection",
    features: geometries.map((geometry) => ({ type: "Feature", properties: {}, geometry })),
  };
  map.getSource<GeoJSONSource>(source)?.setData(data);
}

export function showSelection(map: MapLibreMap, object: CityObject | null): void {
  setData(map, "viewer-selection", object?.geometry ? [object.geometry] : []);
}

export function ringPolygon(ring: Position[]): GeoJSON.Polygon {
  return { type: "Polygon", coordinates: [[...ring, ring[0]!]] };
}

export function showZone(map: MapLibreMap, ring: Position[] | null): void {
  setData(map, "viewer-zone", ring ? [ringPolygon(ring)] : []);
}

/** The polygon being drawn: its vertices, and the place of the pointer as the next one. */
export function showDraft(map: MapLibreMap, vertices: Position[], pointer: Position | null): void {
  const path = pointer && vertices.length ? [...vertices, pointer] : vertices;
  const geometries: Geometry[] = vertices.map((coordinates) => ({ type: "Point", coordinates }));
  if (path.length === 2) geometries.unshift({ type: "LineString", coordinates: path });
  if (path.length > 2) geometries.unshift(ringPolygon(path));
  setData(map, "viewer-draw", geometries);
}
