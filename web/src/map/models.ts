/** BIM models on the map: those in view are streamed as 3D Tiles, drawn among the map's own layers. */

import { Point, type LngLatBounds, type Map as MapLibreMap } from "maplibre-gl";
import type { ModelInfo } from "../types";
import type { DeckOverlay } from "./deck_overlay";
import { ElementTileLayer } from "./element_layer";
import type { Extrusions } from "./extrusions";
import type { Painter } from "./model_look";
import { isBehindBlock } from "./occlusion";
import { patientFetch } from "./patient_fetch";

/** From this zoom on a model replaces its building's extrusion. */
const MIN_ZOOM = 14.5;
const MAX_AT_ONCE = 60;

/** The error in pixels below which a tile is good enough; for a model whose elements are told apart, each one counts. */
const GOOD_ENOUGH_PX = 12;
const EXACT_PX = 1;
/** Of each model's parts that are kept, in MB. */
const CACHE_MB = 256;

/** What is lower is cut off, unless the underground is shown; a little below 0, for slabs that lie on the ground. */
const GROUND_M = -0.05;
const LOWEST_M = -1e6;
/** Of models among which pipes are looked for, unless they are looked into themselves. */
const SEEN_THROUGH = 0.35;

export interface ModelView {
  visible: boolean;
  opacity: number;
  underground: boolean;
  /** The model that is looked into. */
  lookedInto: number | null;
}

export interface PickedModel {
  model: ModelInfo;
  elementId: number | null;
}

export class ModelScene {
  #models: ModelInfo[] = [];
  #view: ModelView = { visible: true, opacity: 1, underground: false, lookedInto: null };
  #selected = -1;
  #painter: Painter | null = null;
  /** Models of which something has been drawn: only these take the place of their building's block. */
  #drawn = new Set<number>();
  #shown = "";
  #layers: ElementTileLayer[] = [];
  /** Tiles drawn or failed so far, for tests. */
  loadedTiles = 0;

  constructor(
    private readonly map: MapLibreMap, private readonly overlay: DeckOverlay, private readonly extrusions: Extrusions,
    private readonly onError: (model: ModelInfo, message: string) => void,
  ) {
    map.on("moveend", () => this.#update());
    map.on("terrain", () => this.#update(true));
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
    const info = this.overlay.pick(point, [PREFIX]);
    const model = info && this.#models.find((each) => info.layer?.id === layerId(each));
    if (!model) return null;
    // from afar a storey's block is hit: that is the building
    const id = info.element?.discipline === "blocks" ? null : info.element?.id;
    if (isBehindBlock(this.map, new Point(point.x, point.y), info.coordinate)) return null;
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
    this.overlay.set("models", this.#layers);
    this.#hideBuildings(models);
  }

  #layer(model: ModelInfo): ElementTileLayer {
    const painter = this.#painter?.look.model === model.id ? this.#painter : null;
    // on the flat map the ground floor stands at height 0, as the extrusions do
    const isFlat = !this.map.getTerrain();
    const { underground, opacity } = this.#view;
    return new ElementTileLayer({
      id: layerId(model),
      // a model that was imported anew is fetched anew
      data: new URL(`${model.tileset!}?ground=${isFlat ? "flat" : "true"}&of=${encodeURIComponent(model.imported_at ?? "")}`, location.origin).href,
      pickable: true,
      opacity: opacity * (underground && model.id !== this.#view.lookedInto ? SEEN_THROUGH : 1),
      lowestHeight: underground || !isFlat ? LOWEST_M : GROUND_M,
      selectedElement: this.#selected,
      painter,
      screenSpaceError: painter?.needsElements ? EXACT_PX : GOOD_ENOUGH_PX,
      beforeId: this.overlay.aboveGround,
      // workers of loaders.gl would be fetched from a CDN: the tiles are plain glTF, parsed on the page
      loadOptions: { worker: false, core: { worker: false, fetch: patientFetch }, tileset: { maximumScreenSpaceError: GOOD_ENOUGH_PX, maximumMemoryUsage: CACHE_MB } },
      onTileLoad: () => this.#loaded(model),
      onTileError: (_tile: unknown, _url: string, message: string) => this.onError(model, message),
    });
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
    const drawn = models.filter((model) => this.#drawn.has(model.id));
    this.extrusions.setModelled(drawn.map((model) => model.building_id).filter((id): id is number => id !== null));
  }
}

const PREFIX = "model-";
const layerId = (model: ModelInfo) => `${PREFIX}${model.id}`;

function overlaps(model: ModelInfo, view: LngLatBounds): boolean {
  const [west, south, east, north] = model.bounds ?? [model.center![0], model.center![1], model.center![0], model.center![1]];
  return west <= view.getEast() && east >= view.getWest() && south <= view.getNorth() && north >= view.getSouth();
}
