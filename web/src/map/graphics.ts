/** What draws the map: a graphics card, or the processor in its place (remote desktops, virtual machines, old offices). */

import type { Map as MapLibreMap } from "maplibre-gl";

const SOFTWARE = /swiftshader|llvmpipe|softpipe|software|basic render/i;

/** Whether the processor draws: then each smoothed edge costs a third of the time of a picture. */
export function isDrawnInSoftware(): boolean {
  const context = document.createElement("canvas").getContext("webgl2");
  if (!context) return true;
  const info = context.getExtension("WEBGL_debug_renderer_info");
  const renderer = String(context.getParameter(info ? info.UNMASKED_RENDERER_WEBGL : context.RENDERER));
  context.getExtension("WEBGL_lose_context")?.loseContext();
  return SOFTWARE.test(renderer);
}

export const isMotionReduced = (): boolean => matchMedia("(prefers-reduced-motion: reduce)").matches;

const RETURNED_KEY = "cim-graphics-returned";
/** A card that fails again at once is not helped by another start. */
const AGAIN_MS = 60_000;

/** Starts anew when a lost graphics card is back: what was drawn in 3D is gone with it, and the address has the whole view. */
export function startAnewWithGraphics(map: MapLibreMap): void {
  map.on("webglcontextrestored", () => {
    const last = Number(sessionStorage.getItem(RETURNED_KEY) ?? 0);
    if (Date.now() - last < AGAIN_MS) return;
    sessionStorage.setItem(RETURNED_KEY, String(Date.now()));
    location.reload();
  });
}
