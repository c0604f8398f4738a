/** The page of "who sees this point": how to take a place, its height, and the cameras that see it. */

import { api } from "../api";
import { emptyState, errorState, h, spinner } from "../dom";
import { t } from "../i18n";
import { showSeeing } from "../map/sight";
import { SeePointTool } from "../tools/see_point";
import type { Seeing } from "../live_types";
import type { Position } from "../types";
import type { Viewer } from "../viewer";
import { isNotServed, reasonOf } from "./failure";
import { moreSeeing } from "./more_seeing";
import { receiptFold } from "./receipt";
import { seeingRows } from "./seeing_rows";
import type { SidePanel } from "./side";

const STANDING_M = 1.5;
const HIGHEST_M = 1000;
const WAIT_MS = 300;
const LISTED = 20;

export class SeeingPanel {
  readonly tool: SeePointTool;
  #place: Position | null = null;
  #heightM = STANDING_M;
  #isOpen = false;
  #answer: Seeing | null = null;
  #request: AbortController | null = null;
  #timer = 0;

  /** onActive() is told whether a place is being taken. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, onActive: (active: boolean) => void) {
    this.tool = new SeePointTool(viewer.map, {
      take: (place) => { this.#place = place; void this.#ask(); },
      end: () => { onActive(false); if (this.#isOpen) this.#show(); },
    });
    this.#started = () => onActive(true);
    viewer.store.watch(["lang"], () => { if (this.#isOpen) this.#show(false); });
  }

  readonly #started: () => void;

  toggle(): void {
    if (this.tool.active) this.close();
    else this.#start();
  }

  close(): void {
    this.#isOpen = false;
    this.tool.stop();
    this.#request?.abort();
    this.#place = null;
    this.#answer = null;
    showSeeing(this.viewer.map, null, []);
    this.side.hide("seeing");
  }

  #start(): void {
    this.#isOpen = true;
    this.#place = null;
    this.#answer = null;
    showSeeing(this.viewer.map, null, []);
    this.tool.start();
    this.#started();
    this.#show();
  }

  #show(front = true, result: HTMLElement | null = this.#result()): void {
    const height = h("input", { type: "number", class: "input", id: "seeing-height", min: 0, max: HIGHEST_M, step: 0.5, value: this.#heightM });
    height.addEventListener("input", () => this.#setHeight(height));
    const body = h("div", { class: "panel-body seeing", "data-count": this.#answer?.count ?? null },
      h("label", { class: "field-line" }, t("who_height"), height),
      this.tool.active || !this.#place
        ? h("div", { class: "notice info" }, h("span", { class: "grow" }, t("who_hint")), h("button", { type: "button", class: "button", id: "seeing-centre", onclick: () => this.tool.takeCentre() }, t("who_centre")))
        : h("div", { class: "actions" }, h("button", { type: "button", class: "button", onclick: () => this.#start() }, t("who_again"))),
      h("div", { class: "seeing-answer", role: "status" }, result));
    const typed = document.activeElement?.id === "seeing-height";
    this.side.show("seeing", "who_sees", body, () => this.close(), front);
    if (typed) this.side.element.querySelector<HTMLElement>("#seeing-height")?.focus();
  }

  #setHeight(input: HTMLInputElement): void {
    const heightM = input.valueAsNumber;
    if (!(heightM >= 0 && heightM <= HIGHEST_M)) return;
    this.#heightM = heightM;
    clearTimeout(this.#timer);
    if (this.#place) this.#timer = window.setTimeout(() => void this.#ask(), WAIT_MS);
  }

  #result(): HTMLElement | null {
    const answer = this.#answer;
    if (!answer) return null;
    if (!answer.count) return h("div", {}, emptyState(t("who_none")), receiptFold(this.viewer, answer.receipt));
    const cut = answer.cameras.length < answer.count ? ` · ${t("who_listed", { n: answer.cameras.length })}` : "";
    const more = moreSeeing(answer.count, answer.cameras.length, (count) => this.#ask(count));
    return h("div", {}, h("p", {}, h("b", {}, t("who_count", { n: answer.count })), cut),
      seeingRows(this.viewer, answer.cameras), more, receiptFold(this.viewer, answer.receipt));
  }

  async #ask(limit = LISTED): Promise<void> {
    const place = this.#place;
    if (!place) return;
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.#answer = null;
    showSeeing(this.viewer.map, place, []);
    this.#show(true, spinner(t("loading")));
    try {
      const answer = await api.seeing(...place, this.#heightM, limit, request.signal);
      if (request.signal.aborted) return;
      this.#answer = answer;
      showSeeing(this.viewer.map, place, answer.cameras);
      this.#show();
    } catch (error) {
      if (request.signal.aborted) return;
      this.#show(true, isNotServed(error) ? emptyState(t("who_missing")) : errorState(t("who_failed"), reasonOf(error), () => void this.#ask()));
    }
  }
}
