/** Which tiles show what has changed: the service tells boxes in metres of Web Mercator, the map is asked for tiles. */

import type { Map as MapLibreMap, VectorTileSource } from "maplibre-gl";

/** West, south, east, north in EPSG:3857. */
export type MercatorBox = [number, number, number, number];

export interface TileId { z: number; x: number; y: number }

const CIRCUMFERENCE_M = 2 * Math.PI * 6378137;
/** A tile shows this part of its side beyond its edge. */
const BUFFER = 64 / 4096;
/** Of one change at one zoom; where it is more, all of the layer is drawn anew. */
const MOST_TILES = 256;
/** Changes within this time are drawn together. */
const GATHER_MS = 150;

/** The tiles of a zoom that show something of a box; null where these are very many. */
export function tilesThatShow([west, south, east, north]: MercatorBox, z: number): TileId[] | null {
  const side = CIRCUMFERENCE_M / 2 ** z;
  const last = 2 ** z - 1;
  const index = (metres: number) => Math.min(Math.max(Math.floor(metres / side), 0), last);
  const margin = side * BUFFER;
  const left = index(west - margin + CIRCUMFERENCE_M / 2);
  const right = index(east + margin + CIRCUMFERENCE_M / 2);
  const top = index(CIRCUMFERENCE_M / 2 - north - margin);
  const bottom = index(CIRCUMFERENCE_M / 2 - south + margin);
  if ((right - left + 1) * (bottom - top + 1) > MOST_TILES) return null;
  const found: TileId[] = [];
  for (let x = left; x <= right; x++) for (let y = top; y <= bottom; y++) found.push({ z, x, y });
  return found;
}

/** Draws tiles anew as their change is told, several changes at a time. */
export class ChangedTiles {
  /** By layer; null: all of it. */
  #waiting = new Map<string, MercatorBox[] | null>();
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(private readonly map: MapLibreMap) {}

  /** Takes note of a change; without boxes anything of the layer may have changed. */
  add(layer: string, boxes?: MercatorBox[]): void {
    const before = this.#waiting.get(layer);
    this.#waiting.set(layer, boxes && before !== null ? [...(before ?? []), ...boxes] : null);
    this.#timer ??= setTimeout(() => this.#flush(), GATHER_MS);
  }

  #flush(): void {
    this.#timer = undefined;
    const waiting = this.#waiting;
    this.#waiting = new Map();
    for (const [id, source] of Object.entries(this.map.getStyle()?.sources ?? {})) {
      if (source.type !== "vector") continue;
      const told = id.split(",").filter((layer) => waiting.has(layer)).map((layer) => waiting.get(layer)!);
      if (told.length) this.#refresh(id, told.includes(null as never) ? null : told.flat());
    }
  }

  #refresh(id: string, boxes: MercatorBox[] | null): void {
    const { minzoom, maxzoom } = this.map.getSource(id) as VectorTileSource;
    const tiles = new Map<string, TileId>();
    for (let z = minzoom; boxes && z <= maxzoom; z++) {
      for (const box of boxes) {
        const shown = tilesThatShow(box, z);
        // MapLibre draws a whole source anew where it is told no tiles
        if (!shown) return this.map.refreshTiles(id);
        for (const tile of shown) tiles.set(`${tile.z}/${tile.x}/${tile.y}`, tile);
      }
    }
    this.map.refreshTiles(id, boxes ? [...tiles.values()] : undefined);
  }
}
