/** BIM models on the map: those in view are streamed as 3D Tiles, drawn among the map's own layers. */

import { AmbientLight, DirectionalLight, LightingEffect } from "@deck.gl/core";
import { MapLibreOverlay } from "@deck.gl/maplibre";
import { Point, type FilterSpecification, type LngLatBounds, type Map as MapLibreMap } from "maplibre-gl";
import type { ModelInfo } from "../types";
import { ElementTileLayer, type PickedElement } from "./element_layer";
import type { Painter } from "./model_look";
import { isBehindBlock, type Place } from "./occlusion";
import { patientFetch } from "./patient_fetch";

/** From this zoom on a model replaces its building's extrusion. */
const MIN_ZOOM = 14.5;
const MAX_AT_ONCE = 60;
const PICK_RADIUS_PX = 2;
/** The beginning of the ids under which the overlay adds itself to the map's layers. */
const GROUP = "deck-maplibre-layer-group";

/** The error in pixels below which a tile is good enough; for a model whose elements are told apart, each one counts. */
const GOOD_ENOUGH_PX = 12;
const EXACT_PX = 1;
/** Of each model's parts that are kept, in MB. */
const CACHE_MB = 256;

/** What is lower is cut off, unless the underground is shown; a little below 0, for slabs that lie on the ground. */
const GROUND_M = -0.05;

export interface ModelView {
  visible: boolean;
  opacity: number;
  underground: boolean;
}

export interface PickedModel {
  model: ModelInfo;
  elementId: number | null;
}

export class ModelScene {
  #overlay: MapLibreOverlay;
  #models: ModelInfo[] = [];
  #view: ModelView = { visible: true, opacity: 1, underground: false };
  #selected = -1;
  #painter: Painter | null = null;
  /** Models of which something has been drawn: only these take the place of their building's block. */
  #drawn = new Set<number>();
  #shown = "";
  #buildingFilter: FilterSpecification | null | undefined;
  #layers: ElementTileLayer[] = [];
  /** Tiles drawn or failed so far, for tests. */
  loadedTiles = 0;

  constructor(private readonly map: MapLibreMap, private readonly onError: (model: ModelInfo, message: string) => void) {
    const sun = new DirectionalLight({ color: [255, 250, 240], intensity: 0.85, direction: [-0.6, 0.9, -1.4] });
    const lighting = new LightingEffect({ ambient: new AmbientLight({ color: [255, 255, 255], intensity: 0.9 }), sun });
    this.#overlay = new MapLibreOverlay({ interleaved: true, layers: [], effects: [lighting], pickingRadius: PICK_RADIUS_PX });
    map.addControl(this.#overlay);
    map.on("moveend", () => this.#update());
    map.on("idle", () => this.#interleave());
  }

  /** Whether nothing is under way of what was asked for, which for the last change is after the next picture. */
  get isComplete(): boolean {
    return this.#layers.every((layer) => layer.state?.tileset3d?._pendingCount === 0);
  }

  setModels(models: ModelInfo[]): void {
    this.#models = models.filter((model) => model.tileset && model.center);
    this.#update(true);
  }

  setView(view: ModelView): void {
    this.#view = view;
    this.#update(true);
  }

  /** How the elements of one model are drawn; null: all as they are. */
  setPainter(painter: Painter | null): void {
    this.#painter = painter;
    this.#update(true);
  }

  /** Marks an element by its object id; null marks none. */
  select(elementId: number | null): void {
    this.#selected = elementId ?? -1;
    this.#update(true);
  }

  /** The model's element at a place of the canvas, in CSS pixels. */
  pick(point: { x: number; y: number }): PickedModel | null {
    if (!this.#shown) return null;
    const info = this.#overlay.pickObject({ x: point.x, y: point.y, radius: PICK_RADIUS_PX, unproject3D: true }) as PickedElement | null;
    const model = info && this.#models.find((each) => info.layer?.id === layerId(each));
    if (!model) return null;
    // from afar a storey's block is hit: that is the building
    const id = info.element?.discipline === "blocks" ? null : info.element?.id;
    const [lon, lat, height] = info.coordinate ?? [];
    const place: Place | null = lon === undefined || lat === undefined || height === undefined ? null : [lon, lat, height];
    if (place && isBehindBlock(this.map, new Point(point.x, point.y), place)) return null;
    return { model, elementId: typeof id === "number" ? id : null };
  }

  #inView(): ModelInfo[] {
    if (!this.#view.visible || this.map.getZoom() < MIN_ZOOM) return [];
    const bounds = this.map.getBounds();
    const { lng, lat } = this.map.getCenter();
    const far = (model: ModelInfo) => Math.hypot(model.center![0] - lng, model.center![1] - lat);
    return this.#models.filter((model) => overlaps(model, bounds)).sort((a, b) => far(a) - far(b)).slice(0, MAX_AT_ONCE);
  }

  #update(force = false): void {
    const models = this.#inView();
    const shown = models.map((model) => model.id).sort((a, b) => a - b).join(",");
    if (!force && shown === this.#shown) return;
    this.#shown = shown;
    this.#layers = models.map((model) => this.#layer(model));
    this.#overlay.setProps({ layers: this.#layers } as never);
    this.#hideBuildings(models);
  }

  /**
   * Puts the models among the map's layers where that has not happened: the overlay does not do it while the style is
   * busy, and draws them over everything then, without regard to the blocks before them.
   */
  #interleave(): void {
    if (this.#shown && !this.map.getLayersOrder().some((id) => id.startsWith(GROUP))) this.#update(true);
  }

  #layer(model: ModelInfo): ElementTileLayer {
    const painter = this.#painter?.look.model === model.id ? this.#painter : null;
    return new ElementTileLayer({
      id: layerId(model),
      // the map is flat: the ground floor stands on it, as the extrusions do
      // a model that was imported anew is fetched anew
      data: new URL(`${model.tileset!}?ground=flat&of=${encodeURIComponent(model.imported_at ?? "")}`, location.origin).href,
      pickable: true,
      opacity: this.#view.opacity,
      lowestHeight: this.#view.underground ? -1e6 : GROUND_M,
      selectedElement: this.#selected,
      painter,
      screenSpaceError: painter?.needsElements ? EXACT_PX : GOOD_ENOUGH_PX,
      beforeId: this.#above(),
      // workers of loaders.gl would be fetched from a CDN: the tiles are plain glTF, parsed on the page
      loadOptions: { worker: false, core: { worker: false, fetch: patientFetch }, tileset: { maximumScreenSpaceError: GOOD_ENOUGH_PX, maximumMemoryUsage: CACHE_MB } },
      onTileLoad: () => this.#loaded(model),
      onTileError: (_tile: unknown, _url: string, message: string) => this.onError(model, message),
    });
  }

  /** The map layer under which models are drawn: the first of the dots and names, which stay on top. */
  #above(): string | undefined {
    return this.map.getStyle().layers.find((layer) => layer.type === "circle" || layer.type === "symbol")?.id;
  }

  #loaded(model: ModelInfo): void {
    this.loadedTiles += 1;
    this.map.triggerRepaint();
    if (this.#drawn.has(model.id)) return;
    this.#drawn.add(model.id);
    this.#hideBuildings(this.#inView());
  }

  /** A building whose model is drawn is not drawn a second time as a block. */
  #hideBuildings(models: ModelInfo[]): void {
    const layer = "buildings:extrusion";
    if (!this.map.getLayer(layer)) return;
    if (this.#buildingFilter === undefined) this.#buildingFilter = (this.map.getFilter(layer) as FilterSpecification | void) ?? null;
    const ids = models.filter((model) => this.#drawn.has(model.id)).map((model) => model.building_id).filter((id): id is number => id !== null);
    const others = ["!", ["in", ["id"], ["literal", ids]]];
    const filter = ids.length ? (this.#buildingFilter ? ["all", this.#buildingFilter, others] : others) : this.#buildingFilter;
    this.map.setFilter(layer, filter as FilterSpecification | null);
  }
}

const layerId = (model: ModelInfo) => `model-${model.id}`;

function overlaps(model: ModelInfo, view: LngLatBounds): boolean {
  const [west, south, east, north] = model.bounds ?? [model.center![0], model.center![1], model.center![0], model.center![1]];
  return west <= view.getEast() && east >= view.getWest() && south <= view.getNorth() && north >= view.getSouth();
}
