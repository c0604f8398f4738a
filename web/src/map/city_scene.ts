/** Pipes as tubes at their depth, and buildings with their roofs: the city's 3D Tiles among the map's own layers. */

import { Point, type Map as MapLibreMap } from "maplibre-gl";
import type { ApiError } from "../api";
import { CITY_LAYERS, type CityLayer } from "./city_layers";
import { CityTiles, type CityLook, type CityState } from "./city_tiles";
import type { DeckOverlay } from "./deck_overlay";
import type { Element } from "./element_mesh";
import type { Extrusions } from "./extrusions";
import { isBehindBlock } from "./occlusion";

export interface CityView {
  /** Of layers that are to be drawn, how opaque they are. */
  opacity: Partial<Record<CityLayer, number>>;
  /** Whether one looks through all that stands on the ground. */
  underground: boolean;
  isDark: boolean;
}

/** From this zoom on blocks have their full height, and tubes are told apart. */
const MIN_ZOOM = 14;
/** Pixels from the axis of a pipe to its side. */
const LEAST_WIDTH_PX = 2.4;
/** Of buildings among which pipes are looked for. */
const SEEN_THROUGH = 0.12;
/** As light as the map draws its blocks. */
const MATERIAL = { ambient: 0.72, diffuse: 0.55, shininess: 8, specularColor: [20, 20, 20] };
const LIGHT: [number, number, number] = [255, 255, 255];
const DARK: [number, number, number] = [176, 186, 200];

export class CityScene {
  #tiles: Record<CityLayer, CityTiles>;
  #view: CityView = { opacity: {}, underground: false, isDark: false };
  #selected = -1;
  #isNear = false;

  /** onChange() is called whenever what is drawn has become another. */
  constructor(
    private readonly map: MapLibreMap, private readonly overlay: DeckOverlay, private readonly extrusions: Extrusions,
    private readonly onChange: () => void,
  ) {
    const changed = () => this.#draw();
    this.#tiles = { pipes: new CityTiles("pipes", changed), buildings: new CityTiles("buildings", changed) };
    map.on("moveend", () => this.#near !== this.#isNear && this.#update());
    map.on("terrain", () => this.#update());
    map.on("render", () => CITY_LAYERS.forEach((layer) => this.#tiles[layer].follow()));
  }

  setView(view: CityView): void {
    this.#view = view;
    this.#update();
  }

  /** Marks an object by its id; null marks none. */
  select(id: number | null): void {
    this.#selected = id ?? -1;
    this.#update();
  }

  /** The data of a layer has changed. */
  refresh(layer: CityLayer): void {
    this.#tiles[layer].refresh();
  }

  state(layer: CityLayer): CityState {
    const { state } = this.#tiles[layer];
    return !this.#isNear && (state === "loading" || state === "drawn") ? "far" : state;
  }

  /** Why a layer could not be had. */
  reason(layer: CityLayer): ApiError | null {
    return this.#tiles[layer].reason;
  }

  /** Whether a layer is drawn here, and not by the map itself. */
  draws(layer: string): boolean {
    return this.#tiles[layer as CityLayer]?.isDrawn ?? false;
  }

  /** Whether all that the camera asks for is drawn. */
  get isComplete(): boolean {
    return CITY_LAYERS.every((layer) => this.#tiles[layer].isComplete);
  }

  /** The id of the object of a layer at a place of the canvas, in CSS pixels. */
  pick(layer: CityLayer, point: { x: number; y: number }): number | null {
    const id = this.told(layer, point)?.id;
    return typeof id === "number" ? id : null;
  }

  /** What the tile itself tells of the object there. */
  told(layer: CityLayer, point: { x: number; y: number }): Element | null {
    const info = this.overlay.pick(point, this.#tiles[layer].pickable);
    // pipes are seen through what stands above them
    if (!info?.element || (layer === "buildings" && isBehindBlock(this.map, new Point(point.x, point.y), info.coordinate))) return null;
    return info.element;
  }

  get #near(): boolean {
    return this.map.getZoom() >= MIN_ZOOM;
  }

  #update(): void {
    this.#isNear = this.#near;
    this.#tiles.pipes.setLook(this.#look("pipes", "", {
      leastWidth: LEAST_WIDTH_PX, inFront: true, beforeId: this.overlay.belowBlocks,
    }, 1));
    const seenThrough = this.#view.underground;
    this.#tiles.buildings.setLook(this.#look("buildings", "&without=models", {
      beforeId: this.overlay.aboveGround, ...(seenThrough && { parameters: { depthWriteEnabled: false, cullMode: "back" } }),
    }, seenThrough ? SEEN_THROUGH : 1));
    this.#draw();
  }

  #look(layer: CityLayer, query: string, props: Record<string, unknown>, part: number): CityLook | null {
    const opacity = this.#view.opacity[layer];
    if (opacity === undefined) return null;
    const ground = this.map.getTerrain() ? "true" : "flat";
    return {
      address: `/3d/${layer}/tileset.json?ground=${ground}${query}`,
      visible: this.#isNear,
      props: { opacity: opacity * part, selectedElement: this.#selected, tint: this.#view.isDark ? DARK : LIGHT, material: MATERIAL, ...props },
    };
  }

  #draw(): void {
    this.overlay.set("city", CITY_LAYERS.flatMap((layer) => this.#tiles[layer].layers()));
    this.extrusions.setReplaced(this.#tiles.buildings.isDrawn);
    this.onChange();
  }
}
