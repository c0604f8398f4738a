/** The buttons on the map: layers, draw a zone, who sees a place, command, events now and of the last day, zoom, north, 2D / 3D, terrain, below the ground, detailed buildings, whole area. */

import { unreachable } from "../api";
import { h, iconButton } from "../dom";
import { t, type Word } from "../i18n";
import type { IconName } from "../icons";
import type { CityLayer } from "../map/city_layers";
import { isOverdue } from "../live/event_book";
import type { LiveCity } from "../live_city";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { toast } from "./toasts";

const TILTED_DEG = 55;
const MOST_COUNTED = 999;
/** Switches, what of the city each draws, and what is said where there is none of it. */
const SWITCHES = [["underground", "pipes", "pipes_none"], ["detailed", "buildings", "buildings_none"]] as const;

export class Toolbar {
  readonly element = h("div", { class: "toolbar", role: "toolbar" });

  /** What was said of each switch, so that it is said once. */
  #told = new Map<string, string>();

  constructor(private readonly viewer: Viewer, private readonly toggleLayers: () => void, private readonly live: LiveCity, private readonly toggleCommand: () => void) {
    this.render();
    viewer.store.watch(["lang"], () => this.render());
    viewer.store.watch(["terrain", "underground", "detailed", "now", "day", "command"], () => this.#press());
    viewer.book.watch(() => this.#count());
    viewer.map.on("rotate", () => this.#turn());
  }

  render(): void {
    const { map, config, store } = this.viewer;
    const tool = (id: string, name: IconName, label: Word, onclick: () => void) => iconButton(name, t(label), onclick, { id: `tool-${id}` });
    this.element.setAttribute("aria-label", t("map_label"));
    this.element.replaceChildren(
      h("div", { class: "tool-group" },
        tool("layers", "layers", "layers", this.toggleLayers),
        tool("draw", "draw", "draw_zone", () => this.viewer.startDrawing()),
        tool("seeing", "eye", "who_sees", () => this.live.seeing.toggle())),
      h("div", { class: "tool-group" },
        tool("command", "command", "command", this.toggleCommand),
        tool("now", "bell", "now", () => this.live.toggleNow()),
        tool("day", "history", "day_open", () => store.set("day", !store.state.day))),
      h("div", { class: "tool-group" },
        tool("in", "plus", "zoom_in", () => map.zoomIn()),
        tool("out", "minus", "zoom_out", () => map.zoomOut()),
        tool("north", "north", "north", () => map.easeTo({ bearing: 0 })),
        tool("tilt", "cube", "tilt", () => map.easeTo({ pitch: map.getPitch() > 5 ? 0 : TILTED_DEG })),
        tool("terrain", "mountain", "terrain_3d", () => store.set("terrain", !store.state.terrain)),
        tool("underground", "underground", "underground", () => store.set("underground", !store.state.underground)),
        tool("detailed", "building", "detailed", () => store.set("detailed", !store.state.detailed)),
        tool("home", "home", "home", () => this.viewer.flyTo({ bounds: config.bounds }, 16))),
    );
    const terrain = this.element.querySelector<HTMLButtonElement>("#tool-terrain")!;
    terrain.disabled = !config.terrain;
    terrain.title = t(config.terrain ? "terrain_3d" : "terrain_none");
    this.#turn();
    this.#press();
    this.#count();
  }

  /** How many events are open is seen without the list. */
  #count(): void {
    const button = this.element.querySelector<HTMLElement>("#tool-now");
    const { open } = this.viewer.book;
    if (!button) return;
    button.querySelector(".tool-count")?.remove();
    button.title = open.length ? `${t("now")} · ${t("now_total", { n: open.length })}` : t("now");
    button.setAttribute("aria-label", button.title);
    if (open.length) button.append(h("span", { class: `tool-count ${open.some((event) => isOverdue(event)) ? "late" : ""}`, "aria-hidden": "true" }, open.length > MOST_COUNTED ? `${MOST_COUNTED}+` : open.length));
  }

  #press(): void {
    for (const [name, layer, fault] of SWITCHES) this.#pressOne(name, layer, fault);
    const { config, store } = this.viewer;
    const { now, day, command, terrain } = store.state;
    for (const [name, on] of [["now", now !== null], ["day", day], ["command", command !== null], ["terrain", terrain && config.terrain]] as const) {
      this.element.querySelector(`#tool-${name}`)?.setAttribute("aria-pressed", String(on));
    }
  }

  /** What is switched on and cannot be drawn says why. */
  #pressOne(name: (typeof SWITCHES)[number][0], layer: CityLayer, fault: Word): void {
    const { store, city } = this.viewer;
    const button = this.element.querySelector<HTMLElement>(`#tool-${name}`);
    if (!button) return;
    const state = store.state[name] ? city?.state(layer) ?? "loading" : "off";
    const problem = { empty: t(fault), failed: t("city_failed", { reason: reasonOf(city?.reason(layer) ?? unreachable()) }), far: t("not_at_zoom") }[state as string] ?? "";
    button.setAttribute("aria-pressed", String(store.state[name]));
    button.dataset.state = state;
    button.title = problem ? `${t(name)} · ${problem}` : t(name);
    button.setAttribute("aria-label", button.title);
    if (problem && state !== "far" && problem !== this.#told.get(name)) toast(problem, state === "failed" ? "error" : "info");
    this.#told.set(name, problem);
  }

  /** What is drawn of the city in 3D has become another. */
  follow(): void {
    this.#press();
  }

  #turn(): void {
    const needle = this.element.querySelector<SVGElement>("#tool-north svg");
    if (needle) needle.style.transform = `rotate(${-this.viewer.map.getBearing()}deg)`;
  }

  setSeeing(active: boolean): void {
    this.element.querySelector("#tool-seeing")?.setAttribute("aria-pressed", String(active));
  }

  setDrawing(drawing: boolean): void {
    this.element.querySelector("#tool-draw")?.setAttribute("aria-pressed", String(drawing));
  }
}
