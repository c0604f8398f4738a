/** The buttons on the map: layers, draw a zone, zoom, north, 2D / 3D, whole area. */

import { h, iconButton } from "../dom";
import { t, type Word } from "../i18n";
import type { IconName } from "../icons";
import type { Viewer } from "../viewer";

const TILTED_DEG = 55;

export class Toolbar {
  readonly element = h("div", { class: "toolbar", role: "toolbar" });

  constructor(private readonly viewer: Viewer, private readonly toggleLayers: () => void) {
    this.render();
    viewer.store.watch(["lang"], () => this.render());
    viewer.store.watch(["underground"], () => this.#press());
    viewer.map.on("rotate", () => this.#turn());
  }

  render(): void {
    const { map, config, store } = this.viewer;
    const tool = (id: string, name: IconName, label: Word, onclick: () => void) => iconButton(name, t(label), onclick, { id: `tool-${id}` });
    this.element.setAttribute("aria-label", t("map_label"));
    this.element.replaceChildren(
      h("div", { class: "tool-group" },
        tool("layers", "layers", "layers", this.toggleLayers),
        tool("draw", "draw", "draw_zone", () => this.viewer.startDrawing())),
      h("div", { class: "tool-group" },
        tool("in", "plus", "zoom_in", () => map.zoomIn()),
        tool("out", "minus", "zoom_out", () => map.zoomOut()),
        tool("north", "north", "north", () => map.easeTo({ bearing: 0 })),
        tool("tilt", "cube", "tilt", () => map.easeTo({ pitch: map.getPitch() > 5 ? 0 : TILTED_DEG })),
        tool("underground", "underground", "underground", () => store.set("underground", !store.state.underground)),
        tool("home", "home", "home", () => this.viewer.flyTo({ bounds: config.bounds }, 16))),
    );
    this.#turn();
    this.#press();
  }

  #press(): void {
    this.element.querySelector("#tool-underground")?.setAttribute("aria-pressed", String(this.viewer.store.state.underground));
  }

  #turn(): void {
    const needle = this.element.querySelector<SVGElement>("#tool-north svg");
    if (needle) needle.style.transform = `rotate(${-this.viewer.map.getBearing()}deg)`;
  }

  setDrawing(drawing: boolean): void {
    this.element.querySelector("#tool-draw")?.setAttribute("aria-pressed", String(drawing));
  }
}
