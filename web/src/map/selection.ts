/** What lies under the pointer: BIM elements first, then the topmost object of the catalogue's layers. */

import type { Map as MapLibreMap, MapMouseEvent, Point } from "maplibre-gl";
import type { ModelScene } from "./models";
import { layerOf } from "./style";

const REACH_PX = 4;

/** Points and lines are easier to miss than areas, so they win within the pointer's reach. */
const PREFERENCE: Record<string, number> = { circle: 0, symbol: 1, line: 2, "fill-extrusion": 3, fill: 4 };

function pickFeature(map: MapLibreMap, point: Point): number | null {
  const layers = map.getStyle().layers
    .filter((layer) => layer.type in PREFERENCE && "source" in layer && !layer.source.startsWith("viewer-") && layerOf(layer))
    .map((layer) => layer.id);
  const box: [[number, number], [number, number]] = [[point.x - REACH_PX, point.y - REACH_PX], [point.x + REACH_PX, point.y + REACH_PX]];
  const near = map.queryRenderedFeatures(box, { layers }).filter((each) => typeof each.id === "number");
  const small = near.filter((each) => ["circle", "symbol", "line"].includes(each.layer.type));
  const under = map.queryRenderedFeatures(point, { layers }).filter((each) => typeof each.id === "number");
  const candidates = [...small, ...under];
  candidates.sort((a, b) => PREFERENCE[a.layer.type]! - PREFERENCE[b.layer.type]!);
  return (candidates[0]?.id as number | undefined) ?? null;
}

/** Calls select with the clicked object's id, or null for a click on nothing, and with the model if it is of one; blocked() while another tool has the mouse. */
export function onPick(
  map: MapLibreMap, models: () => ModelScene | null, blocked: () => boolean, select: (id: number | null, model: number | null) => void,
): void {
  map.on("click", (event: MapMouseEvent) => {
    if (blocked()) return;
    const picked = models()?.pick(event.point);
    if (picked) select(picked.elementId ?? picked.model.building_id, picked.model.id);
    else select(pickFeature(map, event.point), null);
  });
  let frame = 0;
  map.on("mousemove", (event: MapMouseEvent) => {
    if (blocked() || frame || map.isMoving()) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      if (!blocked()) map.getCanvas().style.cursor = pickFeature(map, event.point) === null ? "" : "pointer";
    });
  });
}
