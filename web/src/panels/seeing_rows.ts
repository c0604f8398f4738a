/** Cameras that see a place, the nearest first. */

import { h } from "../dom";
import { length, number } from "../format";
import { t } from "../i18n";
import type { SeeingCamera } from "../live_types";
import type { Viewer } from "../viewer";

export function seeingRows(viewer: Viewer, cameras: SeeingCamera[]): HTMLElement {
  return h("ul", { class: "links" }, ...cameras.map((camera) => h("li", {}, h("button", {
    type: "button", class: "row-button", "data-goes-to": camera.id, "data-camera": camera.id,
    onclick: () => viewer.select(camera.id, { center: [camera.longitude, camera.latitude] }),
  },
  h("span", { class: "grow ellipsis" }, camera.name || camera.code || `#${camera.id}`),
  camera.is_offline ? h("span", { class: "chip stale" }, t("camera_offline")) : null,
  h("span", { class: "count" }, `${length(camera.distance_m)} · ${number(camera.bearing_deg, 0)}°`)))));
}
