/** Short news at the bottom that goes by itself. */

import { h } from "../dom";

const STAY_MS = 6000;
const MOST = 3;

export const toasts = h("div", { class: "toasts", role: "status", "aria-live": "polite" });

export function toast(text: string, kind: "info" | "error" = "info", onclick?: () => void): void {
  const note = h("button", { type: "button", class: `toast ${kind}`, onclick: () => { note.remove(); onclick?.(); } }, text);
  toasts.append(note);
  while (toasts.childElementCount > MOST) toasts.firstElementChild!.remove();
  setTimeout(() => note.remove(), STAY_MS);
}
