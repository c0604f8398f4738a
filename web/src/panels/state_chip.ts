/** An event's state in a few letters, with the colour that the map's ring has. */

import { h } from "../dom";
import { stateColor, stateTitle } from "../live/event_words";
import type { EventState } from "../live_types";

export function stateDot(state: EventState): HTMLElement {
  const dot = h("i", { class: "state-dot", "aria-hidden": "true" });
  dot.style.borderColor = stateColor(state);
  return dot;
}

export const stateChip = (state: EventState): HTMLElement => h("span", { class: "chip quiet state-chip", "data-state": state }, stateDot(state), stateTitle(state));
