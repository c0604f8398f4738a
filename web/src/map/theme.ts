/** The map's colours in the light and the dark theme: both are the service's own styles. */

import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import { api } from "../api";
import type { Theme } from "../store";
import { drawnLayers } from "./drawn_layers";
import { baseStyleName, layerOf, layerStyleName } from "./style";

const COLOR = /-color$/;

export class MapTheme {
  #styles = new Map<string, Promise<StyleSpecification | null>>();

  constructor(private readonly map: MapLibreMap) {}

  /** Gives every layer that the map has now the theme's colours; what the service has no style for stays. */
  async apply(theme: Theme): Promise<void> {
    const done = await this.#recolour(baseStyleName(theme));
    const others = new Set(drawnLayers(this.map).filter((layer) => !done.has(layer.id) && !layer.id.startsWith("viewer-")).map(layerOf));
    await Promise.all([...others].filter((layer) => layer !== null).map((layer) => this.#recolour(layerStyleName(layer, theme))));
  }

  #style(name: string): Promise<StyleSpecification | null> {
    const known = this.#styles.get(name) ?? api.style(name).catch(() => null);
    this.#styles.set(name, known);
    return known;
  }

  async #recolour(name: string): Promise<Set<string>> {
    const style = await this.#style(name);
    const done = new Set<string>();
    for (const layer of style?.layers ?? []) {
      if (!this.map.getLayer(layer.id)) continue;
      done.add(layer.id);
      for (const [property, value] of Object.entries(layer.paint ?? {})) {
        if (COLOR.test(property)) this.map.setPaintProperty(layer.id, property as never, value as never);
      }
    }
    return done;
  }
}
