/** How one model is looked at: which storeys, coloured by what, which elements alone; and what that makes of each element. */

import type { ModelSummary } from "../types";
import type { Element } from "./element_mesh";

export type Facet = "ifc_class" | "storey" | "system" | "discipline";
export const FACETS: readonly Facet[] = ["ifc_class", "storey", "system", "discipline"];

export interface ModelLook {
  model: number;
  /** All storeys up to this one, or this one only; null: all. */
  storeys: { mode: "upto" | "only"; id: number } | null;
  /** By what elements are coloured; null: in their own materials. */
  color: Facet | null;
  /** The elements that are looked at alone; a facet's value, or an element's object id. */
  only: { by: Facet | "element"; value: string } | null;
  /** Whether the others are hidden rather than faint. */
  hideOthers: boolean;
  /** Whether the storeys are drawn apart from each other. */
  explode: boolean;
}

export const plainLook = (model: number): ModelLook => ({ model, storeys: null, color: null, only: null, hideOthers: false, explode: false });

export function isPlain(look: ModelLook): boolean {
  return !look.storeys && !look.color && !look.only && !look.explode;
}

export type Color = readonly [number, number, number];

/** What an element's byte says: two bits of how it is drawn, six of the number of its storey from the ground. */
export const enum Drawn { Hidden = 0, Faint = 1, AsItIs = 2, Painted = 3 }
export const MOST_STOREYS = 63;
/** Metres between storeys that are drawn apart. */
export const GAP_M = 4;

const NOTHING: Color = [196, 200, 204];
const CATEGORIES = [
  "#4e79a7", "#f28e2b", "#59a14f", "#e15759", "#76b7b2", "#edc948", "#b07aa1", "#9c755f", "#ff9da7", "#2f9ec4", "#b6992d", "#499894",
  "#d37295", "#8cd17d", "#7c6bb0", "#ffbe7d", "#d4a6c8", "#a0cbe8",
].map(rgb);
const DISCIPLINES: Record<string, Color> = {
  architecture: rgb("#c9a66b"), structure: rgb("#5b7fa6"), mep: rgb("#3fae6f"), furnishing: rgb("#b07aa1"), civil: rgb("#8a7f6d"), fixings: rgb("#e15759"),
};
/** From the lowest storey to the highest. */
const RAMP = ["#3b4cc0", "#3f8fd0", "#35b3a0", "#7ac36a", "#d9c74b", "#ee9a44", "#d8503a"].map(rgb);

function rgb(text: string): Color {
  const value = parseInt(text.slice(1), 16);
  return [value >> 16, (value >> 8) & 255, value & 255];
}

export const css = ([r, g, b]: Color): string => `rgb(${r} ${g} ${b})`;

/** A wall is a wall: the schema's variants of one class are one for people. */
export const baseClass = (name: string): string => name.replace(/(StandardCase|ElementedCase)$/, "");

/** An element's value of a facet, as text; empty where it has none. */
export function valueOf(element: Element, facet: Facet): string {
  if (facet === "storey") return element.storey_id ? String(element.storey_id) : "";
  const text = String(element[facet] ?? "");
  return facet === "ifc_class" ? baseClass(text) : text;
}

export interface FacetValue {
  value: string;
  count: number;
  color: Color;
}

/** A facet's values in a model with their counts and colours: the most frequent first, storeys from the top down. */
export function facetValues(summary: ModelSummary, facet: Facet): FacetValue[] {
  const counts = new Map<string, number>();
  for (const group of summary.groups) {
    const value = valueOf(group as unknown as Element, facet);
    counts.set(value, (counts.get(value) ?? 0) + group.count);
  }
  const order = facet === "storey" ? summary.storeys.map((storey) => String(storey.id)) : null;
  const found = [...counts].sort(([a, x], [b, y]) => (order ? place(order, a) - place(order, b) : Number(!a) - Number(!b) || y - x || (a < b ? -1 : 1)));
  return found.map(([value, count], i) => ({ value, count, color: value ? colorAt(facet, value, i, found.length) : NOTHING }));
}

const place = (order: string[], value: string) => (order.includes(value) ? order.indexOf(value) : order.length);

function colorAt(facet: Facet, value: string, i: number, count: number): Color {
  if (facet === "discipline") return DISCIPLINES[value] ?? NOTHING;
  if (facet !== "storey") return CATEGORIES[i % CATEGORIES.length]!;
  const at = count < 2 ? 0 : (1 - i / (count - 1)) * (RAMP.length - 1);
  const low = RAMP[Math.floor(at)]!, high = RAMP[Math.ceil(at)]!;
  return [0, 1, 2].map((c) => Math.round(low[c]! + (high[c]! - low[c]!) * (at % 1))) as unknown as Color;
}

/** A look worked out for one model: says of each element how it is drawn. */
export class Painter {
  #colors: Map<string, Color>;
  /** Storeys by their place from the bottom up, and from the ground up. */
  #level = new Map<string, number>();
  #floor = new Map<string, number>();

  constructor(readonly look: ModelLook, summary: ModelSummary) {
    this.#colors = new Map(look.color ? facetValues(summary, look.color).map((each) => [each.value, each.color]) : []);
    let above = 0;
    [...summary.storeys].reverse().forEach((storey, i) => {
      this.#level.set(String(storey.id), i);
      this.#floor.set(String(storey.id), (storey.number ?? storey.elevation_m ?? 0) < 0 ? 0 : Math.min(above++, MOST_STOREYS));
    });
  }

  /** Whether any element is drawn faintly. */
  get hasFaint(): boolean {
    return this.look.color === "system" || (this.look.only !== null && !this.look.hideOthers);
  }

  /** Whether it takes the elements themselves, however far away they are. */
  get needsElements(): boolean {
    return this.look.color === "ifc_class" || this.look.color === "system" || this.look.color === "discipline" || this.look.only !== null;
  }

  /** Four bytes an element, padded to full rows of the texture: its colour, and how it is drawn. */
  paint(elements: readonly Element[], bytes: number): Uint8Array {
    const painted = new Uint8Array(bytes);
    elements.forEach((element, i) => {
      painted.set(this.#colors.get(this.look.color ? valueOf(element, this.look.color) : "") ?? NOTHING, i * 4);
      painted[i * 4 + 3] = (this.drawn(element) << 6) | (this.#floor.get(valueOf(element, "storey")) ?? 0);
    });
    return painted;
  }

  drawn(element: Element): Drawn {
    if (!this.#isOnShownStorey(element)) return Drawn.Hidden;
    if (!this.#isMeant(element)) return this.look.hideOthers ? Drawn.Hidden : Drawn.Faint;
    // systems run inside of what belongs to none
    if (this.look.color === "system" && !this.look.only && !valueOf(element, "system")) return Drawn.Faint;
    return this.look.color ? Drawn.Painted : Drawn.AsItIs;
  }

  #isOnShownStorey(element: Element): boolean {
    const { storeys } = this.look;
    if (!storeys) return true;
    const own = valueOf(element, "storey"), wanted = String(storeys.id);
    if (storeys.mode === "only") return own === wanted;
    return (this.#level.get(own) ?? 0) <= (this.#level.get(wanted) ?? Infinity);
  }

  #isMeant(element: Element): boolean {
    const { only } = this.look;
    if (!only) return true;
    return (only.by === "element" ? String(element.id) : valueOf(element, only.by)) === only.value;
  }
}
