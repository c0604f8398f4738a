/** The cameras that see an event, as a part of its context; they are lit while it is open. */

import { api } from "../api";
import { h } from "../dom";
import { showSeeing } from "../map/sight";
import type { ContextPart, EventFile, SeeingCamera } from "../live_types";
import type { Viewer } from "../viewer";
import { contextPart } from "./context_part";
import { moreSeeing } from "./more_seeing";
import { seeingRows } from "./seeing_rows";

/** The height of what is looked at where the event does not tell its own: somebody who stands there. */
const STANDING_M = 1.5;

export function seeingPart(viewer: Viewer, file: EventFile, part: ContextPart): HTMLElement {
  let cameras = part.items as unknown as SeeingCamera[];
  const light = () => {
    const isLit = section.open && file.longitude !== null && cameras.length > 0;
    showSeeing(viewer.map, isLit ? [file.longitude!, file.latitude!] : null, cameras);
  };
  const list = () => {
    const box = h("div", {}, seeingRows(viewer, cameras));
    const more = moreSeeing(part.count ?? cameras.length, cameras.length, async (count) => {
      cameras = (await api.seeing(file.longitude!, file.latitude!, file.height_m ?? STANDING_M, count)).cameras;
      box.replaceChildren(seeingRows(viewer, cameras));
      light();
    });
    if (more) box.append(more);
    return box;
  };
  const section: HTMLDetailsElement = contextPart("cameras", part, false, list);
  section.addEventListener("toggle", light);
  return section;
}
