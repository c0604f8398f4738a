/** Mobile units on the map: a sign for each kind, turned to where they go; paler when they have fallen silent; their trail. */

import type { Feature, FeatureCollection, LineString, Point } from "geojson";
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibreMap, Point as Pixel } from "maplibre-gl";
import { isStale } from "../live/unit_book";
import { unitState } from "../live/unit_words";
import { UNIT_KINDS, type Unit } from "../live_types";
import type { Theme } from "../store";
import { FONTS } from "./labels";
import { addUnitSigns, headingSign, signOf } from "./unit_signs";

const SOURCE = "viewer-units";
const TRAIL = "viewer-unit-trail";
const MARK = "viewer-unit-mark";
const FOCUS = "viewer-unit-focus";
const COLOR = "#27408f";
const ACCENT = "#ff8a00";
const PALE = 0.42;
const REACH_PX = 4;
const LABEL_ZOOM = 15;
const EMPTY: FeatureCollection = { type: "FeatureCollection", features: [] };
const INK: Record<Theme, { text: string; halo: string }> = {
  light: { text: "#17212b", halo: "#ffffff" }, dark: { text: "#e6ecf2", halo: "#141a21" },
};
const isSilent: ExpressionSpecification = ["==", ["get", "stale"], 1];
const SIZE: ExpressionSpecification = ["interpolate", ["linear"], ["zoom"], 10, 0.42, 13, 0.7, 16, 1];

function feature(unit: Unit, chosen: string | null): Feature<Point> {
  const { code, name, kind, state, at, heading_deg: heading } = unit;
  return {
    type: "Feature", geometry: { type: "Point", coordinates: at },
    properties: {
      unit: code, sign: signOf(UNIT_KINDS.includes(kind as never) ? kind : "terminal"), label: [name ?? code, state && unitState(state)].filter(Boolean).join("\n"),
      stale: isStale(unit) ? 1 : 0, heading: heading ?? -1, chosen: code === chosen ? 1 : 0,
    },
  };
}

export class UnitMarks {
  #isVisible = true;

  constructor(private readonly map: MapLibreMap, theme: Theme) {
    addUnitSigns(map, COLOR);
    map.addSource(SOURCE, { type: "geojson", data: EMPTY });
    map.addSource(TRAIL, { type: "geojson", data: EMPTY, lineMetrics: true });
    this.#addLayers();
    this.setTheme(theme);
  }

  show(units: Iterable<Unit>, chosen: string | null): void {
    void this.map.getSource<GeoJSONSource>(SOURCE)?.setData({ type: "FeatureCollection", features: [...units].map((unit) => feature(unit, chosen)) });
  }

  /** The way that a unit has come; null: none is drawn. */
  trail(line: LineString | null): void {
    void this.map.getSource<GeoJSONSource>(TRAIL)?.setData(line ? { type: "Feature", properties: {}, geometry: line } : EMPTY);
  }

  setVisible(isVisible: boolean): void {
    if (this.#isVisible === isVisible) return;
    this.#isVisible = isVisible;
    for (const id of [TRAIL, `${TRAIL}-edge`, FOCUS, "viewer-unit-heading", MARK, "viewer-unit-label"]) {
      this.map.setLayoutProperty(id, "visibility", isVisible ? "visible" : "none");
    }
  }

  setTheme(theme: Theme): void {
    this.map.setPaintProperty("viewer-unit-label", "text-color", INK[theme].text);
    this.map.setPaintProperty("viewer-unit-label", "text-halo-color", INK[theme].halo);
  }

  /** The code of the unit at a place of the canvas. */
  at({ x, y }: Pixel): string | null {
    if (!this.#isVisible) return null;
    const [hit] = this.map.queryRenderedFeatures([[x - REACH_PX, y - REACH_PX], [x + REACH_PX, y + REACH_PX]], { layers: [MARK] });
    return hit ? String(hit.properties.unit) : null;
  }

  #addLayers(): void {
    const { map } = this;
    const joined = { "line-join": "round", "line-cap": "round" } as const;
    map.addLayer({ id: `${TRAIL}-edge`, type: "line", source: TRAIL, layout: joined, paint: { "line-color": "#ffffff", "line-width": 6.5, "line-opacity": 0.75 } });
    map.addLayer({
      id: TRAIL, type: "line", source: TRAIL, layout: joined,
      // where it was longest ago it is fainter
      paint: { "line-width": 3.5, "line-gradient": ["interpolate", ["linear"], ["line-progress"], 0, "rgba(255,138,0,0.18)", 1, ACCENT] },
    });
    map.addLayer({
      id: FOCUS, type: "circle", source: SOURCE, filter: ["==", ["get", "chosen"], 1],
      paint: { "circle-radius": 19, "circle-color": ACCENT, "circle-opacity": 0.16, "circle-stroke-color": ACCENT, "circle-stroke-width": 3 },
    });
    const always = { "icon-allow-overlap": true, "icon-ignore-placement": true, "icon-size": SIZE } as const;
    map.addLayer({
      id: "viewer-unit-heading", type: "symbol", source: SOURCE, filter: [">=", ["get", "heading"], 0],
      layout: { ...always, "icon-image": headingSign, "icon-rotate": ["get", "heading"], "icon-rotation-alignment": "map" },
      paint: { "icon-opacity": ["case", isSilent, 0, 1] },
    });
    map.addLayer({
      id: MARK, type: "symbol", source: SOURCE, layout: { ...always, "icon-image": ["get", "sign"] },
      paint: { "icon-opacity": ["case", isSilent, PALE, 1] },
    });
    map.addLayer({
      id: "viewer-unit-label", type: "symbol", source: SOURCE, minzoom: LABEL_ZOOM,
      layout: { "text-field": ["get", "label"], "text-font": FONTS, "text-size": 12, "text-anchor": "top", "text-offset": [0, 1.35], "text-optional": true },
      paint: { "text-halo-width": 1.4, "text-opacity": ["case", isSilent, 0.6, 1] },
    });
  }
}
