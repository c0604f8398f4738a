/** The cameras that see a place, as a part of an event's context; they are lit while it is open. */

import { api } from "../api";
import { errorState, fold, h, spinner } from "../dom";
import { t } from "../i18n";
import { showSeeing } from "../map/sight";
import type { Position } from "../types";
import type { Viewer } from "../viewer";
import { isMissing, reasonOf } from "./failure";
import { seeingRows } from "./seeing_rows";

const LISTED = 20;

export function seeingPart(viewer: Viewer, [lon, lat]: Position, heightM: number): HTMLElement {
  const count = h("span", { class: "count strong" }, "…");
  const box = h("div", {}, spinner(t("loading")));
  const section = fold(h("span", { class: "part-line" }, h("span", { class: "grow part-title" }, t("part_cameras")), count), () => [box], false, "fold part");
  section.dataset.part = "cameras";
  let light = () => undefined as void;
  const load = async () => {
    try {
      const seeing = await api.seeing(lon, lat, heightM);
      light = () => showSeeing(viewer.map, section.open ? [lon, lat] : null, seeing.cameras);
      section.dataset.state = seeing.count ? "found" : "none";
      count.textContent = seeing.count ? String(seeing.count) : t("context_none");
      count.className = seeing.count ? "count strong" : "chip quiet part-none";
      count.dataset.count = String(seeing.count);
      box.replaceChildren(seeing.count ? seeingRows(viewer, seeing.cameras.slice(0, LISTED)) : h("p", { class: "muted small-text" }, t("who_none")));
      light();
    } catch (error) {
      section.dataset.state = isMissing(error) ? "no_data" : "failed";
      count.replaceWith(h("span", { class: "chip quiet part-no_data" }, t(isMissing(error) ? "context_no_data" : "error")));
      box.replaceChildren(isMissing(error) ? h("p", { class: "muted small-text" }, t("who_missing"))
        : errorState(t("who_failed"), reasonOf(error), () => void load()));
    }
  };
  section.addEventListener("toggle", () => light());
  void load();
  return section;
}
