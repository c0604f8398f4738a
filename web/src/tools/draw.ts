/** Drawing a polygon: click adds a vertex, double click or Enter ends it, Backspace takes one back, Esc gives up. */

import type { Map as MapLibreMap, MapMouseEvent } from "maplibre-gl";
import { showDraft } from "../map/overlays";
import type { Position } from "../types";

const SAME_PLACE_PX = 6;

export interface DrawEvents {
  change: (vertices: number) => void;
  finish: (ring: Position[]) => void;
  cancel: () => void;
}

export class DrawTool {
  #vertices: Position[] = [];
  #pointer: Position | null = null;
  active = false;

  constructor(private readonly map: MapLibreMap, private readonly events: DrawEvents) {}

  start(): void {
    if (this.active) return;
    this.active = true;
    this.#vertices = [];
    this.map.doubleClickZoom.disable();
    this.map.getCanvas().style.cursor = "crosshair";
    this.map.on("click", this.#click);
    this.map.on("mousemove", this.#move);
    this.map.on("dblclick", this.#doubleClick);
    document.addEventListener("keydown", this.#key, true);
    this.#draw();
  }

  #stop(): void {
    this.active = false;
    this.map.off("click", this.#click);
    this.map.off("mousemove", this.#move);
    this.map.off("dblclick", this.#doubleClick);
    document.removeEventListener("keydown", this.#key, true);
    this.map.getCanvas().style.cursor = "";
    this.#vertices = [];
    this.#pointer = null;
    showDraft(this.map, [], null);
    // the double click that ended the drawing must not also zoom
    setTimeout(() => this.map.doubleClickZoom.enable(), 300);
  }

  cancel(): void {
    if (!this.active) return;
    this.#stop();
    this.events.cancel();
  }

  undo(): void {
    this.#vertices.pop();
    this.#draw();
  }

  finish(): void {
    if (this.#vertices.length < 3) return;
    const ring = this.#vertices;
    this.#stop();
    this.events.finish(ring);
  }

  /** Takes what the map shows now as the polygon: the way that needs no mouse. */
  useView(corners: Position[]): void {
    this.#vertices = corners;
    this.finish();
  }

  #draw(): void {
    showDraft(this.map, this.#vertices, this.#pointer);
    this.events.change(this.#vertices.length);
  }

  /** A double click arrives as two clicks first: the second, on the same pixels, is no new vertex. */
  #repeats(event: MapMouseEvent): boolean {
    const last = this.#vertices.at(-1);
    return last !== undefined && this.map.project(last).dist(event.point) < SAME_PLACE_PX;
  }

  #click = (event: MapMouseEvent): void => {
    if (this.#repeats(event)) return;
    const first = this.#vertices[0];
    if (first && this.#vertices.length > 2 && this.map.project(first).dist(event.point) < SAME_PLACE_PX * 1.5) {
      this.finish();
      return;
    }
    this.#vertices = [...this.#vertices, [event.lngLat.lng, event.lngLat.lat]];
    this.#draw();
  };

  #move = (event: MapMouseEvent): void => {
    this.#pointer = [event.lngLat.lng, event.lngLat.lat];
    showDraft(this.map, this.#vertices, this.#pointer);
  };

  #doubleClick = (event: MapMouseEvent): void => {
    event.preventDefault();
    this.finish();
  };

  #key = (event: KeyboardEvent): void => {
    if (event.target instanceof HTMLInputElement) return;
    const actions: Record<string, () => void> = {
      Escape: () => this.cancel(), Enter: () => this.finish(), Backspace: () => this.undo(),
    };
    const action = actions[event.key];
    if (!action || (event.key === "Enter" && event.target instanceof HTMLButtonElement)) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  };
}
