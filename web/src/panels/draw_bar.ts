/** The hint and the buttons shown while a polygon is being drawn. */

import { h } from "../dom";
import { t } from "../i18n";
import type { DrawTool } from "../tools/draw";

const LEAST = 3;

export class DrawBar {
  readonly element = h("div", { class: "draw-bar", role: "status", hidden: true });

  /** Shows how many vertices there are; view() gives the map's present extent as a polygon. */
  show(vertices: number, tool: DrawTool, useView: () => void): void {
    const missing = LEAST - vertices;
    const button = (label: string, cls: string, onclick: () => void, disabled = false) =>
      h("button", { type: "button", class: `button ${cls}`, onclick, disabled }, label);
    this.element.hidden = false;
    this.element.replaceChildren(
      h("span", { class: "draw-hint" }, t("draw_hint")),
      h("span", { class: "draw-buttons" },
        button(t("draw_view"), "", useView),
        button(t("draw_undo"), "", () => tool.undo(), vertices === 0),
        button(t("draw_cancel"), "", () => tool.cancel()),
        button(missing > 0 ? t("draw_more", { n: missing }) : t("draw_finish"), "primary", () => tool.finish(), missing > 0)),
    );
  }

  hide(): void {
    this.element.hidden = true;
  }
}
