/** Buildings in the colour of an answer and all others grey, drawn from their own tiles: any number, without their shapes. */

import type { ExpressionSpecification, Map as MapLibreMap } from "maplibre-gl";
import type { Theme } from "../store";
import { drawnLayers } from "./drawn_layers";

const LIGHT = "viewer-light";
const SELECTED = "viewer-selection-extrusion";
const OTHERS: Record<Theme, string> = { light: "#d3d9e0", dark: "#3a4653" };
const NONE: ExpressionSpecification = ["==", ["id"], -1];

export interface LitBuildings {
  ids: number[];
  color: string;
}

export class BuildingLight {
  #sets = new Map<string, LitBuildings[]>();
  #map: MapLibreMap | null = null;
  #theme: Theme = "light";

  begin(map: MapLibreMap, theme: Theme): void {
    const own = drawnLayers(map).find((layer) => layer.id === "buildings:extrusion");
    if (own?.type !== "fill-extrusion") return;
    this.#map = map;
    this.#theme = theme;
    map.addLayer({
      id: LIGHT, type: "fill-extrusion", source: own.source, "source-layer": own["source-layer"] ?? "buildings", minzoom: own.minzoom ?? 0,
      filter: NONE, paint: { ...own.paint, "fill-extrusion-color": OTHERS[theme], "fill-extrusion-opacity": 1 },
    }, map.getLayer(SELECTED) ? SELECTED : undefined);
    this.#draw();
  }

  setTheme(theme: Theme): void {
    this.#theme = theme;
    this.#draw();
  }

  /** The buildings that are lit under a name from now on; none: they go out. */
  set(name: string, lit: LitBuildings[]): void {
    const filled = lit.filter(({ ids }) => ids.length);
    if (!filled.length && !this.#sets.has(name)) return;
    if (filled.length) this.#sets.set(name, filled);
    else this.#sets.delete(name);
    this.#draw();
  }

  /** A building of several sets has the colour of the first; drawn over the others' walls, which it covers exactly. */
  #draw(): void {
    const map = this.#map;
    if (!map?.getLayer(LIGHT)) return;
    const seen = new Set<number>();
    const pairs: (number[] | string)[] = [];
    for (const { ids, color } of [...this.#sets.values()].flat()) {
      const fresh = [...new Set(ids)].filter((id) => !seen.has(id));
      fresh.forEach((id) => seen.add(id));
      if (fresh.length) pairs.push(fresh, color);
    }
    if (pairs.length) map.setPaintProperty(LIGHT, "fill-extrusion-color", ["match", ["id"], ...pairs, OTHERS[this.#theme]] as unknown as ExpressionSpecification);
    map.setFilter(LIGHT, pairs.length ? null : NONE);
  }
}
