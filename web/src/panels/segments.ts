/** A few choices side by side, of which one holds. */

import { h } from "../dom";

export interface Segments {
  element: HTMLElement;
  set(current: string): void;
}

export function segments(label: string, choices: [string, string][], choose: (choice: string) => void): Segments {
  const buttons = choices.map(([value, text]) => h("button", {
    type: "button", role: "radio", "data-choice": value, onclick: () => choose(value),
  }, text));
  return {
    element: h("div", { class: "segments", role: "radiogroup", "aria-label": label }, ...buttons),
    set: (current) => buttons.forEach((button) => button.setAttribute("aria-checked", String(button.dataset.choice === current))),
  };
}
