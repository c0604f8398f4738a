/** A field for a place: by address or code, by a click on the map, or the object or event that is open. */

import { api } from "../api";
import { h, iconButton } from "../dom";
import { t, titleOf } from "../i18n";
import { boundsOf } from "../map/marks";
import type { Pointing } from "../tools/pointing";
import type { Position, SearchHit } from "../types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { toast } from "./toasts";

const WAIT_MS = 200;
const HITS = 6;

export interface Place {
  label: string;
  position: Position;
  /** The object that it is, and its layer. */
  object?: number;
  layer?: string;
  event?: number;
}

export class PlaceField {
  readonly element: HTMLElement;
  #input: HTMLInputElement;
  #hits = h("ul", { class: "place-hits", hidden: true });
  #timer = 0;
  #request: AbortController | null = null;

  constructor(
    private readonly viewer: Viewer, pointing: Pointing, key: string, label: string, public value: Place | null,
    private readonly onChange: (place: Place | null) => void, withEvent = true,
  ) {
    this.#input = h("input", { type: "text", class: "input", autocomplete: "off", spellcheck: "false", placeholder: t("place_hint"), "data-place": key });
    this.#input.value = value?.label ?? "";
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("change", () => this.#takeTyped());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    const onMap = iconButton("target", t("place_map"), () => pointing.ask(t("place_pointing", { name: label }), (at) => this.#set(placeAt(at))), { "data-place-map": key });
    const object = iconButton("building", t("place_object"), () => void this.#takeSelected());
    const event = withEvent ? iconButton("bell", t("place_event"), () => this.#takeEvent()) : null;
    this.element = h("div", { class: "field place-field" }, h("label", {}, label, this.#input), h("div", { class: "place-ways" }, onMap, object, event), this.#hits);
  }

  #set(place: Place | null): void {
    this.value = place;
    this.#input.value = place?.label ?? "";
    this.#hits.hidden = true;
    this.onChange(place);
  }

  async #takeSelected(): Promise<void> {
    const id = this.viewer.store.state.selection;
    if (id === null) {
      toast(t("place_no_object"));
      return;
    }
    try {
      const { layer, name, geometry, bounds } = await api.object(id);
      const box = bounds ?? boundsOf([geometry]);
      if (!box) throw new Error(t("event_no_place"));
      this.#set({ label: name ?? `#${id}`, position: middle(box), object: id, layer });
    } catch (error) {
      toast(reasonOf(error), "error");
    }
  }

  #takeEvent(): void {
    const { store, book } = this.viewer;
    const event = store.state.event === null ? undefined : book.get(store.state.event);
    if (!event || event.longitude === null) toast(t("place_no_event"));
    else this.#set({ label: event.title ?? `${t("event")} ${event.id}`, position: [event.longitude, event.latitude!], event: event.id });
  }

  #typed(): void {
    clearTimeout(this.#timer);
    this.#request?.abort();
    if (this.value) {
      this.value = null;
      this.onChange(null);
    }
    const text = this.#input.value.trim();
    if (coordinates(text)) this.#timer = window.setTimeout(() => this.#takeTyped(), WAIT_MS * 3);
    else if (text) this.#timer = window.setTimeout(() => void this.#ask(text), WAIT_MS);
    else this.#hits.hidden = true;
  }

  /** Coordinates are a place once they are complete: who leaves the field or presses Enter is not kept waiting. */
  #takeTyped(): void {
    const at = this.value ? null : coordinates(this.#input.value.trim());
    if (!at) return;
    clearTimeout(this.#timer);
    this.#set(placeAt(at));
  }

  async #ask(text: string): Promise<void> {
    const request = (this.#request = new AbortController());
    try {
      const found = (await api.search(text, request.signal)).filter(({ center, bounds }) => center ?? bounds).slice(0, HITS);
      this.#hits.replaceChildren(...found.length ? found.map((hit) => this.#hit(hit)) : [h("li", { class: "muted small-text" }, t("search_none", { q: text }))]);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#hits.replaceChildren(h("li", { class: "form-error" }, reasonOf(error)));
    }
    this.#hits.hidden = false;
  }

  #hit(hit: SearchHit): HTMLElement {
    return h("li", {}, h("button", {
      type: "button", class: "row-button", onclick: () => {
        this.#set({ label: hit.name, position: hit.center ?? middle(hit.bounds!), object: hit.id, layer: hit.layer });
        this.#input.focus();
      },
    }, h("span", { class: "grow ellipsis" }, hit.name), h("span", { class: "chip quiet" }, titleOf(hit.layer_title, hit.layer))));
  }

  /** Enter takes the first that was found; Esc shuts the list before it shuts the page. */
  #key(event: KeyboardEvent): void {
    if (event.isComposing || this.#hits.hidden) return;
    if (event.key === "Enter") this.#hits.querySelector("button")?.click();
    else if (event.key === "Escape") this.#hits.hidden = true;
    else return;
    event.preventDefault();
    event.stopPropagation();
  }
}

const middle = (box: readonly number[]): Position => [(box[0]! + box[2]!) / 2, (box[1]! + box[3]!) / 2];

export const placeAt = (position: Position): Place => ({ label: `${position[0].toFixed(6)}, ${position[1].toFixed(6)}`, position });

/** Longitude and latitude as somebody types them. */
function coordinates(text: string): Position | null {
  const [, lon, lat] = /^(-?\d+(?:\.\d+)?)\s*[,，\s]\s*(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (lon === undefined || lat === undefined) return null;
  const at: Position = [Number(lon), Number(lat)];
  return Math.abs(at[0]) <= 180 && Math.abs(at[1]) <= 90 ? at : null;
}
