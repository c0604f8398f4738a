/** What commanders draw on the map: zones, answers of tools; each set is replaced as a whole, by its name. */

import type { Feature, FeatureCollection, Geometry } from "geojson";
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibreMap } from "maplibre-gl";
import type { Theme } from "../store";
import { drawnLayers } from "./drawn_layers";
import { FONTS, SIDES } from "./labels";

const SOURCE = "viewer-marks";
const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
const INK: Record<Theme, { text: string; halo: string }> = { light: { text: "#17212b", halo: "#ffffff" }, dark: { text: "#e6ecf2", halo: "#141a21" } };

export interface Mark {
  geometry: Geometry | null;
  color: string;
  /** Of an area's inside; none is drawn at 0. */
  opacity?: number;
  /** Of a line, pixels. */
  width?: number;
  dashed?: boolean;
  /** Of a point, pixels. */
  radius?: number;
  label?: string;
  /** The label gives way to others. */
  quiet?: boolean;
}

const isArea: ExpressionSpecification = ["==", ["geometry-type"], "Polygon"];
const isPoint: ExpressionSpecification = ["==", ["geometry-type"], "Point"];
const isDashed: ExpressionSpecification = ["==", ["get", "dashed"], true];
const COLOR: ExpressionSpecification = ["get", "color"];

export class Marks {
  #sets = new Map<string, Feature[]>();
  #map: MapLibreMap | null = null;

  /** Begins once the map can be drawn on. */
  begin(map: MapLibreMap, theme: Theme): void {
    this.#map = map;
    const blocks = drawnLayers(map).find((layer) => layer.type === "fill-extrusion")?.id;
    map.addSource(SOURCE, { type: "geojson", data: EMPTY });
    map.addLayer({ id: "viewer-mark-area", type: "fill", source: SOURCE, filter: isArea, paint: { "fill-color": COLOR, "fill-opacity": ["get", "opacity"] } }, blocks);
    const line = { "line-color": COLOR, "line-width": ["get", "width"] as ExpressionSpecification };
    const layout = { "line-join": "round", "line-cap": "round" } as const;
    map.addLayer({ id: "viewer-mark-line", type: "line", source: SOURCE, filter: ["all", ["!", isPoint], ["!", isDashed]], layout, paint: line });
    map.addLayer({ id: "viewer-mark-dashed", type: "line", source: SOURCE, filter: ["all", ["!", isPoint], isDashed], layout, paint: { ...line, "line-dasharray": [2, 2] } });
    map.addLayer({
      id: "viewer-mark-dot", type: "circle", source: SOURCE, filter: isPoint,
      paint: { "circle-color": COLOR, "circle-radius": ["get", "radius"], "circle-stroke-color": "#ffffff", "circle-stroke-width": 2 },
    });
    const isQuiet: ExpressionSpecification = ["==", ["get", "quiet"], true];
    const text = { "text-field": ["get", "label"] as ExpressionSpecification, "text-font": FONTS, "text-size": 13, "text-max-width": 12 };
    map.addLayer({ id: "viewer-mark-name", type: "symbol", source: SOURCE, filter: ["all", ["has", "label"], isQuiet], layout: text, paint: { "text-halo-width": 1.6 } });
    map.addLayer({
      id: "viewer-mark-label", type: "symbol", source: SOURCE, filter: ["all", ["has", "label"], ["!", isQuiet]],
      // always told, and on the side where nothing else is
      layout: { ...text, "text-allow-overlap": true, "text-variable-anchor": SIDES, "text-radial-offset": 1, "text-justify": "auto" }, paint: { "text-halo-width": 1.8 },
    });
    this.setTheme(theme);
    this.#draw();
  }

  setTheme(theme: Theme): void {
    for (const id of ["viewer-mark-name", "viewer-mark-label"]) {
      if (!this.#map?.getLayer(id)) continue;
      this.#map.setPaintProperty(id, "text-color", INK[theme].text);
      this.#map.setPaintProperty(id, "text-halo-color", INK[theme].halo);
    }
  }

  /** The marks of a name from now on; none: they go. */
  set(name: string, marks: Mark[]): void {
    if (!marks.length && !this.#sets.has(name)) return;
    if (marks.length) this.#sets.set(name, marks.filter(({ geometry }) => geometry !== null).map(feature));
    else this.#sets.delete(name);
    this.#draw();
  }

  #draw(): void {
    void this.#map?.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features: [...this.#sets.values()].flat() });
  }
}

function feature({ geometry, color, opacity = 0.2, width = 2.5, radius = 6, dashed = false, quiet = false, label }: Mark): Feature {
  return { type: "Feature", geometry: geometry!, properties: { color, opacity, width, radius, dashed, quiet, ...(label && { label }) } };
}

/** The box around a geometry, degrees; null for none. */
export function boundsOf(geometries: (Geometry | null)[]): [number, number, number, number] | null {
  const box: [number, number, number, number] = [Infinity, Infinity, -Infinity, -Infinity];
  const walk = (part: unknown): void => {
    if (!Array.isArray(part)) return;
    if (typeof part[0] === "number") {
      const [lon, lat] = part as number[];
      [box[0], box[1]] = [Math.min(box[0], lon!), Math.min(box[1], lat!)];
      [box[2], box[3]] = [Math.max(box[2], lon!), Math.max(box[3], lat!)];
    } else part.forEach(walk);
  };
  for (const geometry of geometries) {
    if (geometry?.type === "GeometryCollection") geometry.geometries.forEach((each) => "coordinates" in each && walk(each.coordinates));
    else if (geometry) walk(geometry.coordinates);
  }
  return Number.isFinite(box[0]) ? box : null;
}
