/** Which buildings the map draws as blocks: not those that something better stands for. */

import type { ExpressionSpecification, FilterSpecification, Map as MapLibreMap } from "maplibre-gl";

const BLOCKS = "buildings:extrusion";
const SELECTED = "viewer-selection-extrusion";
const HAS_MODEL: ExpressionSpecification = ["to-boolean", ["get", "has_model"]];

export class Extrusions {
  /** The filter of the style itself. */
  #own: FilterSpecification | null | undefined;
  #modelled: number[] = [];
  #isReplaced = false;
  #selected = -1;
  #applied = "";

  constructor(private readonly map: MapLibreMap) {}

  /** Buildings in whose place their BIM model is drawn. */
  setModelled(ids: number[]): void {
    this.#modelled = ids;
    this.apply();
  }

  /** Whether 3D Tiles are drawn in place of all blocks but those of buildings with a model, which is there when one comes near. */
  setReplaced(isReplaced: boolean): void {
    this.#isReplaced = isReplaced;
    this.apply();
  }

  /** Marks a building; null marks none. */
  select(id: number | null): void {
    this.#selected = id ?? -1;
    this.apply();
  }

  /** Brings the map in step; to be called when its layers have changed. */
  apply(): void {
    if (!this.map.getLayer(BLOCKS)) return;
    if (this.#own === undefined) this.#own = (this.map.getFilter(BLOCKS) as FilterSpecification | void) ?? null;
    const drawn: ExpressionSpecification[] = [];
    if (this.#modelled.length) drawn.push(["!", ["in", ["id"], ["literal", this.#modelled]]]);
    if (this.#isReplaced) drawn.push(HAS_MODEL);
    const wanted = JSON.stringify([drawn, this.#selected]);
    if (wanted === this.#applied) return;
    this.#applied = wanted;
    const all = this.#own ? [this.#own as ExpressionSpecification, ...drawn] : drawn;
    this.map.setFilter(BLOCKS, all.length ? ["all", ...all] : null);
    if (this.map.getLayer(SELECTED)) this.map.setFilter(SELECTED, ["all", ["==", ["id"], this.#selected], ...drawn]);
  }
}
