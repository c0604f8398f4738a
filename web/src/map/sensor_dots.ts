/** Sensors on the map: those that tell, and those that have fallen silent; in groups when far. */

import type { Feature, FeatureCollection, Point } from "geojson";
import type { ExpressionSpecification, GeoJSONSource, Map as MapLibreMap, Point as Pixel } from "maplibre-gl";
import type { LastReadings } from "../live/readings";
import type { Bounds } from "../types";
import { FONTS } from "./labels";

const SENSOR_SOURCE = "viewer-sensors";
const TELLING = "#12a594";
const SILENT = "#8a6d3b";
const CLUSTER_RADIUS_PX = 34;
const CLUSTER_MAX_ZOOM = 14;
const REACH_PX = 4;
const MOST_MEMBERS = 10_000;
/** The map knows places less exactly than the service. */
const AROUND_DEG = 1e-5;
const LAYERS = ["viewer-sensor-group", "viewer-sensor-dot"];
const EMPTY: FeatureCollection<Point> = { type: "FeatureCollection", features: [] };

const isGroup: ExpressionSpecification = ["has", "point_count"];
const isOne: ExpressionSpecification = ["!", ["has", "point_count"]];

function features({ id, lon, lat, stale }: LastReadings): Feature<Point>[] {
  return id.flatMap((sensor, i) => (lon[i] === null || lat[i] === null ? [] : [{
    type: "Feature" as const, geometry: { type: "Point" as const, coordinates: [lon[i]!, lat[i]!] }, properties: { sensor, stale: stale[i]! },
  }]));
}

export class SensorDots {
  #isVisible = true;
  /** What is drawn. */
  last: LastReadings | null = null;

  constructor(private readonly map: MapLibreMap) {
    map.addSource(SENSOR_SOURCE, {
      type: "geojson", data: EMPTY, cluster: true, clusterRadius: CLUSTER_RADIUS_PX, clusterMaxZoom: CLUSTER_MAX_ZOOM,
      clusterProperties: { stale: ["+", ["get", "stale"]] },
    });
    // a group has the colour of silence when half of its sensors are silent
    const color: ExpressionSpecification = ["case", [">=", ["get", "stale"], ["*", 0.5, ["coalesce", ["get", "point_count"], 1]]], SILENT, TELLING];
    map.addLayer({
      id: "viewer-sensor-group", type: "circle", source: SENSOR_SOURCE, filter: isGroup,
      paint: { "circle-color": color, "circle-opacity": 0.85, "circle-radius": ["step", ["get", "point_count"], 9, 10, 11, 100, 14], "circle-stroke-color": "#ffffff", "circle-stroke-width": 1 },
    });
    map.addLayer({
      id: "viewer-sensor-dot", type: "circle", source: SENSOR_SOURCE, filter: isOne,
      paint: {
        "circle-color": color, "circle-radius": ["interpolate", ["linear"], ["zoom"], 12, 3, 17, 6], "circle-stroke-width": 1.5,
        "circle-stroke-color": "#ffffff",
      },
    });
    map.addLayer({
      id: "viewer-sensor-count", type: "symbol", source: SENSOR_SOURCE, filter: isGroup,
      layout: { "text-field": ["get", "point_count_abbreviated"], "text-font": FONTS, "text-size": 10.5, "text-allow-overlap": true, "text-ignore-placement": true },
      paint: { "text-color": "#ffffff" },
    });
  }

  show(last: LastReadings): void {
    this.last = last;
    void this.map.getSource<GeoJSONSource>(SENSOR_SOURCE)?.setData({ type: "FeatureCollection", features: features(last) });
  }

  setVisible(isVisible: boolean): void {
    if (this.#isVisible === isVisible) return;
    this.#isVisible = isVisible;
    for (const id of [...LAYERS, "viewer-sensor-count"]) this.map.setLayoutProperty(id, "visibility", isVisible ? "visible" : "none");
  }

  /** What of the sensors lies at a place of the canvas: one's id, or a group. */
  at({ x, y }: Pixel): { sensor: number } | { group: number; center: [number, number] } | null {
    if (!this.#isVisible) return null;
    const [hit] = this.map.queryRenderedFeatures([[x - REACH_PX, y - REACH_PX], [x + REACH_PX, y + REACH_PX]], { layers: LAYERS });
    if (!hit) return null;
    const { cluster_id: group, sensor } = hit.properties as Record<string, number>;
    return group === undefined ? { sensor: sensor! } : { group, center: (hit.geometry as Point).coordinates as [number, number] };
  }

  /** The sensors of a group, and where they lie. */
  async members(group: number): Promise<{ ids: number[]; bounds: Bounds }> {
    const leaves = await this.map.getSource<GeoJSONSource>(SENSOR_SOURCE)!.getClusterLeaves(group, MOST_MEMBERS, 0);
    const places = leaves.map(({ geometry }) => (geometry as Point).coordinates as [number, number]);
    const [lons, lats] = [places.map(([lon]) => lon), places.map(([, lat]) => lat)];
    const bounds: Bounds = [Math.min(...lons) - AROUND_DEG, Math.min(...lats) - AROUND_DEG, Math.max(...lons) + AROUND_DEG, Math.max(...lats) + AROUND_DEG];
    return { ids: leaves.map(({ properties }) => Number(properties?.sensor)), bounds };
  }

  async open(group: number, center: [number, number]): Promise<void> {
    const zoom = await this.map.getSource<GeoJSONSource>(SENSOR_SOURCE)!.getClusterExpansionZoom(group);
    this.map.easeTo({ center, zoom: zoom + 0.2 });
  }
}
