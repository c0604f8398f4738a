/** What the viewer is shown on: ?screen=wall has large text and nothing to edit, ?screen=tablet targets for fingers. */

export type Screen = "wall" | "tablet" | "desk";

const COARSE = "(pointer: coarse)";
let screen: Screen = "desk";

/** Reads the address; without a word of it, a device that is used with fingers is a tablet. */
export function applyPreset(): void {
  const asked = new URLSearchParams(location.search).get("screen");
  screen = asked === "wall" || asked === "tablet" || asked === "desk" ? asked : matchMedia(COARSE).matches ? "tablet" : "desk";
  document.documentElement.dataset.screen = screen;
}

/** A wall shows; nobody stands before it to edit. */
export const isWall = (): boolean => screen === "wall";
