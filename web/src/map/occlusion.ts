/** Whether a building's block stands before what the overlay draws: its picking knows nothing of the map's own blocks. */

import type { Map as MapLibreMap, MapGeoJSONFeature, Point } from "maplibre-gl";
import type { Position } from "../types";
import { drawnLayers } from "./drawn_layers";

/** Longitude, latitude, height in metres. */
export type Place = readonly [number, number, number];

/** The block that a model stands in, or that it touches, is not before it. */
const NEAR_END = 0.995;

/** Tells of a place that is seen at a point of the canvas; false where it is not known. */
export function isBehindBlock(map: MapLibreMap, point: Point, coordinate: readonly number[] | undefined): boolean {
  const [lon, lat, height] = coordinate ?? [];
  if (lon === undefined || lat === undefined || height === undefined) return false;
  const place: Place = [lon, lat, height];
  const layers = drawnLayers(map).filter((layer) => layer.type === "fill-extrusion").map((layer) => layer.id);
  const blocks = map.queryRenderedFeatures(point, { layers });
  if (!blocks.length) return false;
  const camera = cameraPlace(map);
  return blocks.some((block) => crosses(block, footOf(map, block), camera, place));
}

const EARTH_M = 40_075_016.686;
const RADIANS = Math.PI / 180;

/** The height on which the map lets a block stand: that of the terrain in its middle; 0 on the flat map. */
function footOf(map: MapLibreMap, block: MapGeoJSONFeature): number {
  const ring = outlines(block)[0]?.[0];
  if (!map.getTerrain() || !ring?.length) return 0;
  const mean = (axis: 0 | 1) => ring.reduce((sum, corner) => sum + corner[axis]!, 0) / ring.length;
  return map.queryTerrainElevation([mean(0), mean(1)]) ?? 0;
}

/** Where the map is looked at from: behind the centre, as far as its field of view asks. */
function cameraPlace(map: MapLibreMap): Place {
  const { lng, lat } = map.getCenter();
  const distance_px = map.getContainer().clientHeight / 2 / Math.tan((map.getVerticalFieldOfView() * RADIANS) / 2);
  const metres_a_pixel = (EARTH_M * Math.cos(lat * RADIANS)) / (512 * 2 ** map.getZoom());
  const pitch = map.getPitch() * RADIANS, bearing = map.getBearing() * RADIANS;
  const back_m = distance_px * Math.sin(pitch) * metres_a_pixel;
  const degrees_a_metre = 360 / EARTH_M;
  return [
    lng - (back_m * Math.sin(bearing) * degrees_a_metre) / Math.cos(lat * RADIANS), lat - back_m * Math.cos(bearing) * degrees_a_metre,
    distance_px * Math.cos(pitch) * metres_a_pixel + (map.getTerrain() ? map.getCenterElevation() : 0),
  ];
}

/** Whether the way from the camera to the place goes through the block. */
function crosses(block: MapGeoJSONFeature, foot: number, camera: Place, place: Place): boolean {
  const tall = (block.layer.paint as Record<string, unknown> | undefined)?.["fill-extrusion-height"];
  if (typeof tall !== "number") return false;
  const top = foot + tall;
  const height = (part: number) => camera[2] + part * (place[2] - camera[2]);
  return outlines(block).some((rings) => {
    const parts = edgesCrossed(rings, camera, place);
    // in by one edge and out by the next
    return parts.some((into, i) => i % 2 === 0 && into < NEAR_END && Math.min(height(into), height(Math.min(parts[i + 1] ?? NEAR_END, NEAR_END))) < top);
  });
}

/** The rings of a block's polygons. */
function outlines({ geometry }: MapGeoJSONFeature): Position[][][] {
  if (geometry.type === "Polygon") return [geometry.coordinates as Position[][]];
  return geometry.type === "MultiPolygon" ? (geometry.coordinates as Position[][][]) : [];
}

/** Where on the way over the ground, 0 to 1, the edges of a polygon are crossed, in this order. */
function edgesCrossed(rings: Position[][], [x0, y0]: Place, [x1, y1]: Place): number[] {
  const parts: number[] = [];
  for (const ring of rings) {
    for (let i = 1; i < ring.length; i += 1) {
      const [ax, ay] = ring[i - 1]!, [bx, by] = ring[i]!;
      const across = (x1 - x0) * (by - ay) - (y1 - y0) * (bx - ax);
      if (across === 0) continue;
      const way = ((ax - x0) * (by - ay) - (ay - y0) * (bx - ax)) / across;
      const edge = ((ax - x0) * (y1 - y0) - (ay - y0) * (x1 - x0)) / across;
      if (way > 0 && way < 1 && edge >= 0 && edge < 1) parts.push(way);
    }
  }
  return parts.sort((a, b) => a - b);
}
