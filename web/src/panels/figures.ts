/** Figures side by side; a figure with a list behind it is a button that opens the list. */

import type { Tally } from "../command_types";
import { h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";

export interface Figure {
  key: string;
  value: string;
  label: string;
  open?: (() => void) | undefined;
  bad?: boolean;
}

export function figures(list: Figure[]): HTMLElement {
  return h("div", { class: "figures many" }, ...list.map(({ key, value, label, open, bad }) => {
    const parts = [h("b", {}, value), h("span", { title: label }, label)];
    const cls = `figure ${bad ? "bad" : ""}`;
    return open
      ? h("button", { type: "button", class: cls, "data-figure": key, title: t("cmd_open_list"), onclick: open }, ...parts)
      : h("div", { class: cls, "data-figure": key }, ...parts);
  }));
}

/** A count as people read it: a range where the data cover a place in part, a dash where it may not be told. */
export function tally(count: Tally | undefined): string {
  if (count === null || count === undefined) return "—";
  if (typeof count === "number") return number(count, 0);
  if (typeof count === "string") return count;
  // nobody is counted where the data say nothing of anybody
  if (!Array.isArray(count) && count.known_in === 0 && count.of !== 0) return t("cmd_unknown");
  const [low, high] = ends(count);
  if (typeof low === "number" && typeof high === "number") return low === high ? number(low, 0) : `${number(low, 0)}–${number(high, 0)}`;
  if (typeof high === "number") return `≤ ${number(high, 0)}`;
  return typeof low === "number" ? `≥ ${number(low, 0)}` : "—";
}

function ends(count: [number, number] | Record<string, unknown>): unknown[] {
  if (Array.isArray(count)) return count;
  const single = count.count ?? count.value;
  if (typeof single === "number") return [single, single];
  return [count.from ?? count.least ?? count.min ?? count.low, count.to ?? count.most ?? count.max ?? count.high];
}

/** Opens a fold and brings it into view. */
export function reveal(details: HTMLDetailsElement | null | undefined): void {
  if (!details) return;
  details.open = true;
  details.querySelector("summary")?.focus({ preventScroll: true });
  details.scrollIntoView({ block: "start" });
}

/** The way from a number or a list to what it rests on: the receipt that stands on the same page. */
export function receiptButton(): HTMLElement {
  const button: HTMLButtonElement = h("button", {
    type: "button", class: "text-button small-text to-receipt",
    onclick: () => reveal(button.closest(".panel-body")?.querySelector<HTMLDetailsElement>("details.receipt")),
  }, t("receipt"));
  return button;
}
