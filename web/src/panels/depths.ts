/** Bands of depth: their legend, and how many buildings stand in each. */

import type { FloodBuildings, Tally } from "../command_types";
import { h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { depthColor } from "../live/depth_words";
import { tally } from "./figures";

interface Band { depth_from_m: number | null; depth_to_m: number | null }

export function depthTitle({ depth_from_m: from, depth_to_m: to }: Band): string {
  const low = number(from ?? 0);
  return to === null ? `> ${low} m` : `${low}–${number(to)} m`;
}

export function depthLegend(bands: Band[]): HTMLElement {
  const sorted = [...new Map(bands.map((band) => [band.depth_from_m ?? 0, band])).values()].sort((a, b) => (a.depth_from_m ?? 0) - (b.depth_from_m ?? 0));
  return h("ul", { class: "legend inline", "aria-label": t("flood_depth") }, ...sorted.map((band) => {
    const mark = h("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = depthColor(band.depth_from_m ?? 0);
    return h("li", {}, mark, depthTitle(band));
  }));
}

export function depthBars(bands: NonNullable<FloodBuildings["by_depth"]>): HTMLElement | null {
  const counted = bands.map((band) => ({ band, count: band.count ?? band.buildings ?? 0 }));
  if (!counted.length) return null;
  const size = (count: Tally) => (typeof count === "number" ? count : 0);
  const most = Math.max(1, ...counted.map(({ count }) => size(count)));
  return h("ul", { class: "bars" }, ...counted.map(({ band, count }) => {
    const fill = h("i", {});
    fill.style.width = `${(size(count) / most) * 100}%`;
    fill.style.background = depthColor(band.depth_from_m ?? 0);
    return h("li", {}, h("span", { class: "bar-name" }, depthTitle(band)), h("span", { class: "bar" }, fill), h("span", { class: "count" }, tally(count)));
  }));
}
