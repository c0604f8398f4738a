/** The map's layers, asked for at any time: while a style is being made, as after a lost graphics context, there are none. */

import type { LayerSpecification, Map as MapLibreMap, StyleSpecification } from "maplibre-gl";

/** In the order in which they are drawn. */
export const drawnLayers = (map: MapLibreMap): LayerSpecification[] => (map.getStyle() as StyleSpecification | undefined)?.layers ?? [];

const hasStyle = (map: MapLibreMap): boolean => (map.getStyle() as StyleSpecification | undefined) !== undefined;

/** Null where the map can be drawn on; else a promise that this will be so. */
export function awaitedStyle(map: MapLibreMap): Promise<void> | null {
  return hasStyle(map) ? null : new Promise((resolve) => { map.once("style.load", () => resolve()); });
}
