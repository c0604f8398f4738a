/** The strip at the bottom (pointer's place, zoom) and the thin progress line at the top. */

import type { Map as MapLibreMap } from "maplibre-gl";
import { h } from "../dom";
import { t } from "../i18n";
import type { Viewer } from "../viewer";

export function statusStrip({ map, store }: Viewer): HTMLElement {
  const place = h("span", { class: "mono", "aria-live": "off" });
  const zoom = h("span", { class: "mono" });
  const show = ({ lng, lat }: { lng: number; lat: number }) => {
    place.textContent = `${lng.toFixed(6)}°, ${lat.toFixed(6)}°`;
  };
  const showZoom = () => {
    zoom.textContent = `${t("zoom_level")} ${map.getZoom().toFixed(1)}`;
  };
  map.on("mousemove", (event) => show(event.lngLat));
  map.on("move", () => {
    showZoom();
    if (!place.matches(":hover")) show(map.getCenter());
  });
  store.watch(["lang"], showZoom);
  show(map.getCenter());
  showZoom();
  return h("div", { class: "status" }, place, zoom);
}

/** A line that runs while tiles are being fetched. */
export function progressLine(map: MapLibreMap): HTMLElement {
  const line = h("div", { class: "progress", role: "progressbar", "aria-label": t("loading"), hidden: true });
  map.on("dataloading", () => { line.hidden = false; });
  map.on("idle", () => { line.hidden = true; });
  return line;
}
