/** Taking a place on the map for whoever asks: a hint with a way that needs no mouse; Esc gives up, Enter takes the middle. */

import type { Map as MapLibreMap, MapMouseEvent } from "maplibre-gl";
import { h } from "../dom";
import { t } from "../i18n";
import type { Position } from "../types";

export class Pointing {
  readonly bar = h("div", { class: "pointing", role: "status", hidden: true });
  #take: ((place: Position) => void) | null = null;
  #back: HTMLElement | null = null;

  constructor(private readonly map: MapLibreMap) {}

  get active(): boolean {
    return this.#take !== null;
  }

  /** Asks for a place; who asked before gets none. */
  ask(hint: string, take: (place: Position) => void): void {
    this.stop();
    this.#take = take;
    this.#back = document.activeElement instanceof HTMLElement ? document.activeElement : null;
    this.map.getCanvas().style.cursor = "crosshair";
    this.map.on("click", this.#click);
    document.addEventListener("keydown", this.#key, true);
    const button = (label: string, cls: string, onclick: () => void) => h("button", { type: "button", class: `button ${cls}`, onclick }, label);
    this.bar.replaceChildren(h("span", { class: "draw-hint" }, hint), h("span", { class: "draw-buttons" },
      button(t("who_centre"), "primary", () => this.#takeCentre()), button(t("draw_cancel"), "", () => this.stop())));
    this.bar.hidden = false;
  }

  stop(): void {
    if (!this.active) return;
    this.#take = null;
    this.bar.hidden = true;
    this.map.getCanvas().style.cursor = "";
    this.map.off("click", this.#click);
    document.removeEventListener("keydown", this.#key, true);
    this.#back?.focus();
    this.#back = null;
  }

  #took(place: Position): void {
    const take = this.#take;
    this.stop();
    take?.(place);
  }

  #takeCentre(): void {
    const { lng, lat } = this.map.getCenter();
    this.#took([lng, lat]);
  }

  /** Whoever selects by clicks was asked first, and left this one alone. */
  #click = (event: MapMouseEvent): void => this.#took([event.lngLat.lng, event.lngLat.lat]);

  #key = (event: KeyboardEvent): void => {
    const isField = event.target instanceof HTMLInputElement || event.target instanceof HTMLButtonElement;
    if (event.key === "Escape") this.stop();
    else if (event.key === "Enter" && !isField) this.#takeCentre();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
}
