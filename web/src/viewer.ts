/** What the panels share: the map, the store, the catalogue, and the few things that can be asked of the viewer. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { titleOf } from "./i18n";
import type { EventBook } from "./live/event_book";
import type { UnitBook } from "./live/unit_book";
import type { CityScene } from "./map/city_scene";
import type { Extrusions } from "./map/extrusions";
import type { ModelScene } from "./map/models";
import type { LayerStyles } from "./map/style";
import type { Store } from "./store";
import type { Config, LayerInfo, ModelInfo, Position, Receipt, Session } from "./types";

/** The layer of BIM models: its outlines are tiles as any layer's, the models themselves are drawn as 3D Tiles. */
export const MODELS = "models";

export interface Target {
  bounds?: number[] | null;
  center?: number[] | null;
}

/** An answer that can be kept: what it was, and its receipt. */
export interface Analysis {
  title: string;
  receipt: Receipt;
}

export interface Viewer {
  readonly map: MapLibreMap;
  readonly store: Store;
  readonly config: Config;
  readonly styles: LayerStyles;
  layers: LayerInfo[];
  models: ModelInfo[];
  readonly extrusions: Extrusions;
  scene: ModelScene | null;
  city: CityScene | null;
  /** The open events, kept up by the stream. */
  readonly book: EventBook;
  /** Mobile units, kept up by the stream. */
  readonly units: UnitBook;
  readonly session: Session | null;
  /** Selects an object (null: none); with a target the camera goes there. */
  select(id: number | null, target?: Target): void;
  flyTo(target: Target, maxZoom?: number): void;
  /** Draws a polygon; where take is given it gets the ring, else the ring becomes the zone that is counted. */
  startDrawing(take?: (ring: Position[]) => void): void;
  /** The last answer of a tool, which an incident can keep. */
  analysis: Analysis | null;
  /** Shows an event's card; with a target the camera goes there. */
  openEvent(id: number, target?: Target): void;
  /** Looks into a BIM model: its page comes to the front. */
  openModel(id: number): void;
}

export function layerInfo(viewer: Viewer, id: string): LayerInfo | undefined {
  return viewer.layers.find((layer) => layer.id === id);
}

/** What people call what a layer's colours tell apart: a network of pipes, a kind of their nodes. */
export function legendTitle(viewer: Viewer, layer: string, value: string): string {
  return titleOf(layerInfo(viewer, layer)?.legend.find((each) => each.value === value)?.label, value);
}

export const networkTitle = (viewer: Viewer, network: string): string => legendTitle(viewer, "pipes", network);
