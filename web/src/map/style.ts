/** How the catalogue's layers become map layers: the service's style first, a plain one where it has none. */

import type { LayerSpecification, Map as MapLibreMap, SourceSpecification, StyleSpecification } from "maplibre-gl";
import { api } from "../api";
import type { State, Theme } from "../store";
import type { LayerInfo } from "../types";
import { awaitedStyle, drawnLayers } from "./drawn_layers";

/** The layer that is looked for below the ground. */
export const PIPES = "pipes";
const METADATA = "cim:layer";
const FALLBACK_COLOR = "#5b7db1";

/** The service's name for the style of everything that is on by default. */
export const baseStyleName = (theme: Theme): string => (theme === "dark" ? "dark" : "base");

/** The service's name for one layer's style. */
export const layerStyleName = (layer: string, theme: Theme): string => (theme === "dark" ? `${layer}-dark` : layer);

export function layerOf(layer: LayerSpecification): string | null {
  const told = (layer.metadata as Record<string, unknown> | undefined)?.[METADATA];
  if (typeof told === "string") return told;
  return layer.id.includes(":") ? layer.id.split(":")[0]! : null;
}

/** The empty style that is used when the service's own cannot be had. */
export function emptyStyle(): StyleSpecification {
  return { version: 8, sources: {}, layers: [{ id: "background", type: "background", paint: { "background-color": "#eef1f4" } }] };
}

/** Makes every address of a style absolute: MapLibre's worker has no page to resolve against. */
export function absolute(style: StyleSpecification): StyleSpecification {
  for (const source of Object.values(style.sources)) {
    if ("url" in source && typeof source.url === "string") source.url = new URL(source.url, location.origin).href;
    if ("tiles" in source && source.tiles) source.tiles = source.tiles.map((tile) => absoluteTile(tile));
  }
  return style;
}

function absoluteTile(template: string): string {
  // not through URL(): it would escape the braces of {z}/{x}/{y}
  return template.startsWith("/") ? location.origin + template : template;
}

/** A plain drawing of a layer by its geometry type and the catalogue's first colour. */
export function fallbackLayers(layer: LayerInfo): LayerSpecification[] {
  const color = layer.legend[0]?.color ?? FALLBACK_COLOR;
  const base = { source: layer.id, "source-layer": layer.id, metadata: { [METADATA]: layer.id } };
  const all: Record<string, LayerSpecification[]> = {
    polygon: [
      { ...base, id: `${layer.id}:fill`, type: "fill", filter: ["==", ["geometry-type"], "Polygon"], paint: { "fill-color": color, "fill-opacity": 0.35 } },
      { ...base, id: `${layer.id}:outline`, type: "line", filter: ["==", ["geometry-type"], "Polygon"], paint: { "line-color": color, "line-width": 1 } },
    ],
    line: [
      { ...base, id: `${layer.id}:line`, type: "line", filter: ["==", ["geometry-type"], "LineString"], paint: { "line-color": color, "line-width": ["interpolate", ["linear"], ["zoom"], 12, 1, 18, 3] } },
    ],
    point: [
      {
        ...base, id: `${layer.id}:circle`, type: "circle", filter: ["==", ["geometry-type"], "Point"],
        paint: { "circle-color": color, "circle-radius": ["interpolate", ["linear"], ["zoom"], 11, 2, 17, 6], "circle-stroke-color": "#fff", "circle-stroke-width": 1 },
      },
    ],
  };
  return all[layer.geometry_type] ?? Object.values(all).flat();
}

async function styleOf(layer: LayerInfo, theme: Theme): Promise<Pick<StyleSpecification, "sources" | "layers">> {
  const plain = { sources: { [layer.id]: { type: "vector" as const, url: layer.tiles! } }, layers: fallbackLayers(layer) };
  try {
    const style = await api.style(layerStyleName(layer.id, theme));
    const own = style.layers.filter((each) => layerOf(each) === layer.id);
    return own.length ? { sources: style.sources, layers: own } : plain;
  } catch {
    return plain;
  }
}

const OPACITY = {
  fill: "fill-opacity", line: "line-opacity", circle: "circle-opacity", "fill-extrusion": "fill-extrusion-opacity", symbol: "text-opacity",
} as const;

/** How much of what stands or lies on the ground is left when one looks through it. */
const SEEN_THROUGH: Record<string, number> = { fill: 0.5, line: 0.45, "fill-extrusion": 0.16, symbol: 0.7 };

const RANK: Record<string, number> = { background: 0, fill: 1, hillshade: 2, line: 3, circle: 5, "fill-extrusion": 4, symbol: 6 };

/** The map layer below which one of this type belongs: areas under lines under points under labels. */
function below(map: MapLibreMap, type: string): string | undefined {
  const rank = RANK[type] ?? 3;
  return drawnLayers(map).find((each) => (RANK[each.type] ?? 3) > rank)?.id;
}

/** Which map layers draw each catalogue layer, and whether they can be seen. */
export class LayerStyles {
  #adding = new Map<string, Promise<void>>();
  #opacities = new Map<string, number>();
  /** Layers that something else is drawn in place of. */
  #replaced = new Set<string>();

  constructor(private readonly map: MapLibreMap, private readonly layers: LayerInfo[]) {}

  ids(layer: string): string[] {
    return drawnLayers(this.map).filter((each) => layerOf(each) === layer).map((each) => each.id);
  }

  isOn(layer: LayerInfo, state: Readonly<State>): boolean {
    return state.switched[layer.id] ?? layer.visible;
  }

  /** Says whether something else is drawn in place of a layer; true when that is news, which takes effect by apply(). */
  setReplaced(layer: string, isReplaced: boolean): boolean {
    if (this.#replaced.has(layer) === isReplaced) return false;
    if (isReplaced) this.#replaced.add(layer);
    else this.#replaced.delete(layer);
    return true;
  }

  /** Brings the map in step with the state's switches and opacities. */
  async apply(state: Readonly<State>): Promise<void> {
    const awaited = awaitedStyle(this.map);
    if (awaited) await awaited;
    await Promise.all(this.layers.filter((layer) => layer.tiles).map(async (layer) => {
      const on = this.isOn(layer, state);
      if (on) await this.#ensure(layer, state.theme);
      for (const id of this.ids(layer.id)) {
        this.map.setLayoutProperty(id, "visibility", on && !this.#replaced.has(layer.id) ? "visible" : "none");
        this.#setOpacity(id, state.opacity[layer.id] ?? 1, state.underground && layer.id !== PIPES);
      }
    }));
  }

  async #ensure(layer: LayerInfo, theme: Theme): Promise<void> {
    if (this.ids(layer.id).length) return;
    const running = this.#adding.get(layer.id) ?? this.#add(layer, theme);
    this.#adding.set(layer.id, running);
    await running;
  }

  async #add(layer: LayerInfo, theme: Theme): Promise<void> {
    const style = absolute({ version: 8, ...(await styleOf(layer, theme)) });
    for (const [id, source] of Object.entries(style.sources)) {
      if (!this.map.getSource(id)) this.map.addSource(id, source);
    }
    for (const each of style.layers) {
      if (!this.map.getLayer(each.id)) this.map.addLayer(each, below(this.map, each.type));
    }
  }

  #setOpacity(id: string, opacity: number, isSeenThrough: boolean): void {
    const type = this.map.getLayer(id)!.type;
    const property = OPACITY[type as keyof typeof OPACITY] as (typeof OPACITY)[keyof typeof OPACITY] | undefined;
    if (!property) return;
    const part = opacity * (isSeenThrough ? SEEN_THROUGH[type] ?? 1 : 1);
    if (part === 1 && !this.#opacities.has(id)) return;
    if (!this.#opacities.has(id)) {
      const own: unknown = this.map.getPaintProperty(id, property);
      this.#opacities.set(id, typeof own === "number" ? own : 1);
    }
    this.map.setPaintProperty(id, property, this.#opacities.get(id)! * part);
  }
}

const TERRAIN: SourceSpecification = { type: "raster-dem", url: `${location.origin}/terrain.json`, encoding: "mapbox", tileSize: 256 };

/** The relief under everything else, from the service's terrain tiles. */
export function setHillshade(map: MapLibreMap, on: boolean): void {
  if (on && !map.getSource("terrain")) {
    map.addSource("terrain", TERRAIN);
    map.addLayer({
      id: "terrain:hillshade", type: "hillshade", source: "terrain",
      paint: { "hillshade-exaggeration": 0.45, "hillshade-shadow-color": "#56657a" },
    }, below(map, "hillshade"));
  }
  if (map.getLayer("terrain:hillshade")) map.setLayoutProperty("terrain:hillshade", "visibility", on ? "visible" : "none");
}

/** Lets the ground rise and fall; from a source of its own, as the map loads other tiles for it than for the relief. */
export function setTerrain(map: MapLibreMap, on: boolean): void {
  if (on && !map.getSource("terrain:ground")) map.addSource("terrain:ground", TERRAIN);
  map.setTerrain(on ? { source: "terrain:ground", exaggeration: 1 } : null);
}
