/** The map in the dark theme: the service's light colours turned to dark ones, and back. */

import type { LayerSpecification, Map as MapLibreMap } from "maplibre-gl";
import type { Theme } from "../store";

const BACKGROUND = { light: "#eef1f4", dark: "#141a21" } as const;
const LABEL = { text: "#dce4ec", halo: "#10161c" } as const;
const HEX = /^#([0-9a-f]{2})([0-9a-f]{2})([0-9a-f]{2})$/i;

/** Above this lightness a surface is meant as "light paper" and becomes "dark paper". */
const PAPER = 0.72;

interface Hsl { hue: number; saturation: number; lightness: number }

function toHsl(hex: string): Hsl | null {
  const match = HEX.exec(hex);
  if (!match) return null;
  const [r, g, b] = match.slice(1).map((part) => parseInt(part, 16) / 255) as [number, number, number];
  const max = Math.max(r, g, b), min = Math.min(r, g, b), span = max - min;
  const lightness = (max + min) / 2;
  if (!span) return { hue: 0, saturation: 0, lightness };
  const saturation = span / (1 - Math.abs(2 * lightness - 1));
  const sector = max === r ? ((g - b) / span + 6) % 6 : max === g ? (b - r) / span + 2 : (r - g) / span + 4;
  return { hue: sector * 60, saturation, lightness };
}

/** A surface's colour on dark ground: near-white becomes near-black of the same hue, the rest a little darker. */
export function darkened(hex: string): string {
  const hsl = toHsl(hex);
  if (!hsl) return hex;
  const { hue, saturation, lightness } = hsl;
  const dark = lightness > PAPER ? 0.17 + (1 - lightness) * 0.75 : lightness * 0.86;
  return `hsl(${hue.toFixed(0)},${(Math.min(saturation, 0.7) * (lightness > PAPER ? 55 : 92)).toFixed(0)}%,${(dark * 100).toFixed(0)}%)`;
}

/** The same for every colour inside an expression. */
function darkenedValue(value: unknown): unknown {
  if (typeof value === "string") return HEX.test(value) ? darkened(value) : value;
  return Array.isArray(value) ? value.map(darkenedValue) : value;
}

const SURFACES: Partial<Record<LayerSpecification["type"], string[]>> = {
  fill: ["fill-color", "fill-outline-color"], line: ["line-color"], "fill-extrusion": ["fill-extrusion-color"],
};

export class MapTheme {
  #light = new Map<string, unknown>();

  constructor(private readonly map: MapLibreMap) {}

  /** Colours every layer that the map has now; to be called again after layers were added. */
  apply(theme: Theme): void {
    for (const layer of this.map.getStyle().layers) {
      if (layer.id.startsWith("viewer-") || (layer as { type: string }).type === "custom") continue;
      if (layer.type === "background") this.map.setPaintProperty(layer.id, "background-color", BACKGROUND[theme]);
      for (const property of SURFACES[layer.type] ?? []) this.#set(layer.id, property, theme, darkenedValue);
      if (layer.type !== "symbol") continue;
      this.#set(layer.id, "text-color", theme, () => LABEL.text);
      this.#set(layer.id, "text-halo-color", theme, () => LABEL.halo);
    }
  }

  #set(id: string, property: string, theme: Theme, dark: (light: unknown) => unknown): void {
    const key = `${id} ${property}`;
    const name = property as Parameters<MapLibreMap["getPaintProperty"]>[1];
    if (!this.#light.has(key)) this.#light.set(key, this.map.getPaintProperty(id, name));
    const light = this.#light.get(key);
    if (light === undefined && !property.startsWith("text-")) return;
    this.map.setPaintProperty(id, name, (theme === "dark" ? dark(light) : light) as never);
  }
}
