/** The map itself: its worker, its fonts, its camera mirrored to the store. */

import * as maplibre from "maplibre-gl";
import type { Map as MapLibreMap, StyleSpecification } from "maplibre-gl";
import workerUrl from "maplibre-gl/dist/maplibre-gl-worker.mjs?worker&url";
import "maplibre-gl/dist/maplibre-gl.css";
import type { Camera, Store } from "../store";
import type { Config } from "../types";
import { isDrawnInSoftware, isMotionReduced, startAnewWithGraphics } from "./graphics";

maplibre.setWorkerUrl(workerUrl);

const FONTS = '"PingFang SC","Microsoft YaHei","Noto Sans CJK SC","Noto Sans SC",system-ui,sans-serif';

export function createMap(container: HTMLElement, style: StyleSpecification, config: Config, store: Store): MapLibreMap {
  const start: Camera = store.state.camera
    ?? { center: config.center, zoom: config.zoom, bearing: -18, pitch: 52 };
  const map = new maplibre.Map({
    container,
    style,
    ...start,
    maxPitch: 75,
    maxZoom: 21,
    attributionControl: false,
    localIdeographFontFamily: FONTS,
    canvasContextAttributes: { antialias: !isDrawnInSoftware() },
    fadeDuration: isMotionReduced() ? 0 : 120,
  });
  map.on("moveend", () => store.set("camera", readCamera(map)));
  startAnewWithGraphics(map);
  return map;
}

function readCamera(map: MapLibreMap): Camera {
  const { lng, lat } = map.getCenter();
  return { center: [lng, lat], zoom: map.getZoom(), bearing: map.getBearing(), pitch: map.getPitch() };
}

/** Adds the scale bar, in metres. */
export function addScale(map: MapLibreMap): void {
  map.addControl(new maplibre.ScaleControl({ maxWidth: 110, unit: "metric" }), "bottom-right");
}

/** Moves the camera so that bounds (or a point) are seen beside the open panels. */
export function flyTo(map: MapLibreMap, target: { bounds?: number[] | null; center?: number[] | null }, maxZoom = 18): void {
  const { bounds, center } = target;
  const sameSpot = bounds && Math.max(bounds[2]! - bounds[0]!, bounds[3]! - bounds[1]!) < 1e-4;
  if (bounds && !sameSpot) {
    map.fitBounds(bounds as [number, number, number, number], {
      padding: framePadding(map), maxZoom, pitch: map.getPitch(), bearing: map.getBearing(), duration: duration(),
    });
    return;
  }
  const point = center ?? (bounds ? [(bounds[0]! + bounds[2]!) / 2, (bounds[1]! + bounds[3]!) / 2] : null);
  if (!point) return;
  map.flyTo({ center: [point[0]!, point[1]!], zoom: Math.max(map.getZoom(), 17), offset: centreOffset(map), duration: duration() });
}

const duration = () => (isMotionReduced() ? 0 : 900);

function covered(map: MapLibreMap): { left: number; right: number } {
  const width = map.getContainer().clientWidth;
  const side = (selector: string) => {
    const panel = document.querySelector<HTMLElement>(selector);
    return panel && !panel.hidden && panel.offsetWidth < width * 0.45 ? panel.offsetWidth + 24 : 12;
  };
  const toolbar = document.querySelector<HTMLElement>(".toolbar")?.offsetWidth ?? 0;
  return { left: side("#layers") + toolbar, right: side("#side") };
}

function framePadding(map: MapLibreMap): maplibre.PaddingOptions {
  const { left, right } = covered(map);
  return { top: 90, bottom: 60, left: left + 40, right: right + 40 };
}

function centreOffset(map: MapLibreMap): [number, number] {
  const { left, right } = covered(map);
  return [(left - right) / 2, 0];
}
