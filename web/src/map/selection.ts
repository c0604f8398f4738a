/** What lies under the pointer: pipes below the ground, then BIM elements, then the topmost object of the catalogue's layers. */

import type { Map as MapLibreMap, MapMouseEvent, Point } from "maplibre-gl";
import type { Viewer } from "../viewer";
import { drawnLayers } from "./drawn_layers";
import { layerOf } from "./style";

const REACH_PX = 4;
/** Picking what deck.gl draws takes a picture of its own: it waits until the pointer rests. */
const REST_MS = 60;

/** Points and lines are easier to miss than areas, so they win within the pointer's reach. */
const PREFERENCE: Record<string, number> = { circle: 0, symbol: 1, line: 2, "fill-extrusion": 3, fill: 4 };

interface Picked {
  /** Of the object; null for a model that stands for no building. */
  id: number | null;
  /** The BIM model that it is of. */
  model: number | null;
}

interface Feature {
  id: number;
  preference: number;
}

function pickFeature(map: MapLibreMap, point: Point): Feature | null {
  const layers = drawnLayers(map)
    .filter((layer) => layer.type in PREFERENCE && "source" in layer && !layer.source.startsWith("viewer-") && layerOf(layer))
    .map((layer) => layer.id);
  const box: [[number, number], [number, number]] = [[point.x - REACH_PX, point.y - REACH_PX], [point.x + REACH_PX, point.y + REACH_PX]];
  const near = map.queryRenderedFeatures(box, { layers }).filter((each) => typeof each.id === "number");
  const small = near.filter((each) => ["circle", "symbol", "line"].includes(each.layer.type));
  const under = map.queryRenderedFeatures(point, { layers }).filter((each) => typeof each.id === "number");
  const candidates = [...small, ...under];
  candidates.sort((a, b) => PREFERENCE[a.layer.type]! - PREFERENCE[b.layer.type]!);
  const [first] = candidates;
  return first ? { id: first.id as number, preference: PREFERENCE[first.layer.type]! } : null;
}

/** Blocks rank as extrusions do, so that a switch changes what is seen and not what is hit; tubes come before the names of streets. */
function pick({ map, scene, city }: Viewer, point: Point): Picked | null {
  const feature = pickFeature(map, point);
  const beats = (type: keyof typeof PREFERENCE) => feature !== null && feature.preference < PREFERENCE[type]!;
  const pipe = beats("symbol") ? null : city?.pick("pipes", point) ?? null;
  if (pipe !== null) return { id: pipe, model: null };
  const element = scene?.pick(point);
  if (element) return { id: element.elementId ?? element.model.building_id, model: element.model.id };
  const block = beats("fill-extrusion") ? null : city?.pick("buildings", point) ?? null;
  if (block !== null) return { id: block, model: null };
  return feature && { id: feature.id, model: null };
}

/** Who is asked before: what the viewer itself draws over the catalogue, which lies on top. */
export interface Above {
  covers(point: Point): boolean;
  /** Does what a click there asks for; false where there is nothing. */
  take(point: Point): boolean;
}

/** Calls select with the clicked object's id, or null for a click on nothing, and with the model if it is of one; blocked() while another tool has the mouse. */
export function onPick(viewer: Viewer, blocked: () => boolean, above: Above, select: (id: number | null, model: number | null) => void): void {
  const { map } = viewer;
  map.on("click", (event: MapMouseEvent) => {
    if (blocked() || above.take(event.point)) return;
    const picked = pick(viewer, event.point);
    select(picked?.id ?? null, picked?.model ?? null);
  });
  onHover(viewer, blocked, above);
}

/** The pointer says what can be clicked. */
function onHover(viewer: Viewer, blocked: () => boolean, above: Above): void {
  const { map } = viewer;
  let frame = 0, rest = 0;
  const show = (isOver: boolean) => {
    if (!blocked()) map.getCanvas().style.cursor = isOver ? "pointer" : "";
  };
  map.on("mousemove", (event: MapMouseEvent) => {
    clearTimeout(rest);
    if (blocked() || frame || map.isMoving()) return;
    frame = requestAnimationFrame(() => {
      frame = 0;
      if (above.covers(event.point) || pickFeature(map, event.point)) show(true);
      else rest = window.setTimeout(() => show(pick(viewer, event.point) !== null), REST_MS);
    });
  });
}
