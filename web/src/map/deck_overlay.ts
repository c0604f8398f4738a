/** What deck.gl draws among the map's own layers. A map takes one such overlay, so that all who draw with it share it. */

import { AmbientLight, DirectionalLight, LightingEffect } from "@deck.gl/core";
import { MapLibreOverlay } from "@deck.gl/maplibre";
import type { Map as MapLibreMap } from "maplibre-gl";
import { drawnLayers } from "./drawn_layers";
import type { ElementTileLayer, PickedElement } from "./element_layer";

const PICK_RADIUS_PX = 2;
/** The beginning of the ids under which the overlay adds itself to the map's layers. */
const GROUP = "deck-maplibre-layer-group-";

export class DeckOverlay {
  #overlay: MapLibreOverlay;
  #layers = new Map<string, ElementTileLayer[]>();
  #known = new Map<string, string | undefined>();

  constructor(private readonly map: MapLibreMap) {
    const sun = new DirectionalLight({ color: [255, 250, 240], intensity: 0.85, direction: [-0.6, 0.9, -1.4] });
    const lighting = new LightingEffect({ ambient: new AmbientLight({ color: [255, 255, 255], intensity: 0.9 }), sun });
    this.#overlay = new MapLibreOverlay({ interleaved: true, layers: [], effects: [lighting], pickingRadius: PICK_RADIUS_PX });
    map.addControl(this.#overlay);
    map.on("idle", () => this.#interleave());
    this.#followGround();
  }

  /** Sets the layers of one who draws, in place of those before; what was first set is drawn first. */
  set(owner: string, layers: ElementTileLayer[]): void {
    this.#layers.set(owner, layers);
    this.#draw();
  }

  /** What is seen at a place of the canvas, in CSS pixels, of layers whose ids begin so. */
  pick(point: { x: number; y: number }, layerIds: string[]): PickedElement | null {
    if (!layerIds.length) return null;
    return this.#overlay.pickObject({ x: point.x, y: point.y, radius: PICK_RADIUS_PX, unproject3D: true, layerIds }) as PickedElement | null;
  }

  /** The map layer under which things are drawn that stand on the ground: the first of the dots and names, which stay on top. */
  get aboveGround(): string | undefined {
    return this.#first(["circle", "symbol"]);
  }

  /** The map layer under which things are drawn that are seen through all that stands on the ground. */
  get belowBlocks(): string | undefined {
    return this.#first(["fill-extrusion"]) ?? this.aboveGround;
  }

  /** The first map layer of some types; while the style is being made anew, the one that was known before. */
  #first(types: string[]): string | undefined {
    const layers = drawnLayers(this.map);
    const key = types.join();
    if (layers.length) this.#known.set(key, layers.find((layer) => types.includes(layer.type))?.id);
    return this.#known.get(key);
  }

  #draw(): void {
    this.#overlay.setProps({ layers: [...this.#layers.values()].flat() } as never);
  }

  /**
   * The overlay picks from where the camera was when the map last said that it moves. It says nothing when the terrain
   * comes and lifts the camera, so that this is said for it.
   */
  #followGround(): void {
    let known_m = this.map.getCenterElevation();
    this.map.on("move", () => { known_m = this.map.getCenterElevation(); });
    this.map.on("idle", () => {
      if (this.map.getCenterElevation() !== known_m) this.map.fire("move");
    });
  }

  /**
   * Puts the layers among the map's where that has not happened: the overlay does not do it while the style is busy, and
   * draws them over everything then, without regard to the blocks before them.
   */
  #interleave(): void {
    const order = new Set(this.map.getLayersOrder());
    if (![...this.#layers.values()].flat().every((layer) => order.has(groupOf(layer)))) this.#draw();
  }
}

/** The id under which the overlay adds a layer to the map's, with all that are drawn at the same place. */
function groupOf({ props }: ElementTileLayer): string {
  const { beforeId } = props as { beforeId?: string };
  return GROUP + (beforeId ? `before:${beforeId}` : "last");
}
