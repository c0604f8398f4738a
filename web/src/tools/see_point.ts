/** "Who sees this point": a click on the map takes a place; Esc gives up, Enter takes the middle of the view. */

import type { Map as MapLibreMap, MapMouseEvent } from "maplibre-gl";
import type { Position } from "../types";

export class SeePointTool {
  active = false;

  constructor(private readonly map: MapLibreMap, private readonly events: { take: (place: Position) => void; end: () => void }) {}

  start(): void {
    if (this.active) return;
    this.active = true;
    this.map.getCanvas().style.cursor = "crosshair";
    this.map.on("click", this.#click);
    document.addEventListener("keydown", this.#key, true);
  }

  stop(): void {
    if (!this.active) return;
    this.map.off("click", this.#click);
    document.removeEventListener("keydown", this.#key, true);
    this.map.getCanvas().style.cursor = "";
    // the click that took the place must not select what lies there as well
    setTimeout(() => { this.active = false; });
    this.events.end();
  }

  takeCentre(): void {
    const { lng, lat } = this.map.getCenter();
    this.#take([lng, lat]);
  }

  #take(place: Position): void {
    this.stop();
    this.events.take(place);
  }

  #click = (event: MapMouseEvent): void => this.#take([event.lngLat.lng, event.lngLat.lat]);

  #key = (event: KeyboardEvent): void => {
    const isField = event.target instanceof HTMLInputElement || event.target instanceof HTMLButtonElement;
    if (event.key === "Escape") this.stop();
    else if (event.key === "Enter" && !isField) this.takeCentre();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}
