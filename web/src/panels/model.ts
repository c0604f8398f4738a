/** One BIM model: its storeys to peel, its elements by class, storey, system or discipline to colour and to look at alone. */

import { errorState, h, iconButton, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { isPlain, plainLook, type ModelLook } from "../map/model_look";
import { summaryOf } from "../map/model_summary";
import type { ModelSummary } from "../types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { facetTitle, legendSection } from "./model_legend";
import { storeySection } from "./model_storeys";
import { segments } from "./segments";
import type { SidePanel } from "./side";

/** A part of the page: made once, and brought in step with the look, so that a slider can be dragged through it. */
export interface LookSection {
  element: HTMLElement;
  sync: () => void;
}

export class ModelPanel {
  #body = h("div", { class: "panel-body model-panel" });
  #summary: ModelSummary | null = null;
  #sections: LookSection[] = [];
  #asked: number | null = null;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    viewer.store.watch(["look"], () => this.#follow(true));
    viewer.store.watch(["lang"], () => this.#build());
  }

  /** Shows the page of the look that the address asked for; behind an object that it asked for too. */
  restore(): void {
    this.#follow(this.viewer.store.state.selection === null);
  }

  /** Looks into a model; front: its page comes before others, and another model's look is given up. */
  open(model: number, front: boolean): void {
    const { store } = this.viewer;
    const { look } = store.state;
    if (look?.model === model) {
      if (front) this.#page(true);
    } else if (front || !look || isPlain(look)) {
      this.#asked = model;
      void this.#load(model, front);
      store.set("look", plainLook(model));
    }
  }

  #follow(front: boolean): void {
    const { look } = this.viewer.store.state;
    if (!look) {
      this.#asked = null;
      this.#summary = null;
      this.side.hide("model");
    } else if (look.model === this.#asked) {
      this.#sync();
    } else void this.#load(look.model, front);
  }

  async #load(model: number, front: boolean): Promise<void> {
    this.#asked = model;
    this.#summary = null;
    this.#body.replaceChildren(spinner(t("loading")));
    this.#page(front);
    try {
      const summary = await summaryOf(model);
      if (this.#asked !== model) return;
      this.#summary = summary;
      this.#build();
    } catch (error) {
      if (this.#asked === model) this.#body.replaceChildren(errorState(t("error"), reasonOf(error), () => void this.#load(model, front)));
    }
  }

  #page(front: boolean): void {
    this.side.show("model", "model_page", this.#body, () => this.viewer.store.set("look", null), front);
  }

  #look = (): ModelLook => this.viewer.store.state.look!;

  #set = (change: Partial<ModelLook>): void => {
    const { store } = this.viewer;
    if (store.state.look) store.set("look", { ...store.state.look, ...change });
  };

  #build(): void {
    const summary = this.#summary;
    if (!summary || !this.viewer.store.state.look) return;
    const sections = [this.#head(summary), this.#alone(summary), storeySection(summary, this.#look, this.#set), legendSection(summary, this.#look, this.#set)];
    this.#sections = sections.filter((section) => section !== null);
    this.#body.replaceChildren(...this.#sections.map((section) => section.element));
    this.#sync();
  }

  #sync(): void {
    if (!this.#summary) return;
    this.#sections.forEach((section) => section.sync());
    this.#body.dataset.model = String(this.#summary.id);
  }

  #head(summary: ModelSummary): LookSection {
    const info = this.viewer.models.find((model) => model.id === summary.id);
    const count = summary.groups.reduce((sum, group) => sum + group.count, 0);
    const facts = [t("elements_count", { n: number(count, 0) }), t("storeys_count", { n: summary.storeys.length }), info?.schema];
    const reset = h("button", { type: "button", class: "button", id: "look-reset", onclick: () => this.#set(plainLook(summary.id)) }, t("look_reset"));
    const element = h("div", { class: "object-head" },
      h("div", { class: "grow" },
        h("h3", { class: "object-name" }, summary.name || info?.name || t("unnamed")),
        h("div", { class: "muted small-text" }, facts.filter(Boolean).join(" · "))),
      reset,
      info?.center ? iconButton("target", t("zoom_to"), () => this.viewer.flyTo({ bounds: info.bounds, center: info.center }, 18.5), { id: "look-fly" }) : null);
    return { element, sync: () => { reset.hidden = isPlain(this.#look()); } };
  }

  /** What is looked at alone, and the way back. */
  #alone(summary: ModelSummary): LookSection {
    const name = h("b", {});
    const others = segments(t("look_others"), [["faint", t("others_faint")], ["hidden", t("others_hidden")]], (choice) => this.#set({ hideOthers: choice === "hidden" }));
    const element = h("div", { class: "alone", role: "status" },
      h("div", { class: "grow" }, h("span", { class: "muted" }, t("look_only")), " ", name), others.element,
      h("button", { type: "button", class: "button primary", id: "look-all", onclick: () => this.#set({ only: null }) }, t("look_all")));
    const sync = () => {
      const { only, hideOthers } = this.#look();
      element.hidden = only === null;
      if (only) name.textContent = only.by === "element" ? t("this_element") : facetTitle(summary, only.by, only.value);
      others.set(hideOthers ? "hidden" : "faint");
    };
    return { element, sync };
  }
}
