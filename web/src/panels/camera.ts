/** What a camera is turned to: its cone at once, and what it really sees of the ground when that is asked. */

import { api } from "../api";
import { h } from "../dom";
import { area, number } from "../format";
import { t } from "../i18n";
import { showCone, showViewshed, type Cone } from "../map/sight";
import type { CityObject } from "../types";
import type { Viewer } from "../viewer";
import { isNotServed, reasonOf } from "./failure";
import { receiptFold } from "./receipt";

export function coneOf({ attributes, geometry }: CityObject): Cone | null {
  const { azimuth_deg, hfov_deg, range_m } = attributes;
  if (geometry?.type !== "Point" || typeof azimuth_deg !== "number" || typeof hfov_deg !== "number" || typeof range_m !== "number") return null;
  const [lon, lat] = geometry.coordinates;
  return { at: [lon!, lat!], azimuth_deg, hfov_deg, range_m };
}

/** Shows the cone of a camera on the map; of anything else it takes away what was shown. */
export function followCamera(viewer: Viewer, object: CityObject | null): void {
  showCone(viewer.map, object?.layer === "cameras" ? coneOf(object) : null);
  showViewshed(viewer.map, null);
}

export function cameraSection(viewer: Viewer, camera: CityObject): HTMLElement {
  const cone = coneOf(camera);
  const answer = h("div", { class: "camera-answer", role: "status" });
  const button = h("button", { type: "button", class: "button", id: "camera-viewshed", "aria-pressed": "false" }, t("camera_viewshed"));
  const press = (pressed: boolean) => {
    button.setAttribute("aria-pressed", String(pressed));
    button.textContent = t(pressed ? "camera_viewshed_hide" : "camera_viewshed");
  };
  const ask = async () => {
    button.disabled = true;
    answer.replaceChildren(t("loading"));
    try {
      const { geometry, properties } = await api.viewshed(camera.id);
      // another object may have been chosen while the service computed
      if (!answer.isConnected) return;
      showViewshed(viewer.map, geometry);
      press(true);
      answer.replaceChildren(
        h("p", { "data-seen-m2": properties.seen_m2 }, t("camera_seen", {
          area: area(properties.seen_m2), share: properties.share === null ? t("empty_value") : `${number(properties.share * 100, 0)} %`,
        }), properties.is_offline ? h("span", { class: "chip stale" }, t("camera_offline")) : ""),
        receiptFold(viewer, properties.receipt));
    } catch (error) {
      answer.replaceChildren(h("p", { class: "form-error", role: "alert" }, isNotServed(error) ? t("camera_missing") : `${t("camera_failed")} ${reasonOf(error)}`));
    } finally {
      button.disabled = false;
    }
  };
  button.addEventListener("click", () => {
    if (button.getAttribute("aria-pressed") !== "true") return void ask();
    press(false);
    showViewshed(viewer.map, null);
    answer.replaceChildren();
  });
  return h("section", { class: "camera" },
    h("p", { class: "muted small-text" }, cone ? t("camera_cone", { azimuth: number(cone.azimuth_deg, 0), fov: number(cone.hfov_deg, 0), range: number(cone.range_m, 0) }) : t("camera_no_cone")),
    h("div", { class: "actions" }, button), answer);
}
