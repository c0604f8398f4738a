/** What draws the map: a graphics card, or the processor in its place (remote desktops, virtual machines, old offices). */

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
