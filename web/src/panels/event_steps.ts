/** The seven states of an event as steps, and the buttons that bring it on. */

import { ApiError, api } from "../api";
import { h } from "../dom";
import { language, t } from "../i18n";
import { stateColor, stateTitle } from "../live/event_words";
import { STATES, type EventFile, type EventState } from "../live_types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { operator, rememberOperator } from "./operator";

/** Roles of the service that may handle events; whoever else asks is refused by it. */
const HANDLING = ["service", "commander", "admin"];

export class EventSteps {
  readonly element = h("section", { class: "event-steps" });
  #file: EventFile | null = null;
  #chosen: EventState | null = null;
  #note = "";
  #problem = "";
  #busy = false;
  #by = operator();
  #shown = "";

  constructor(private readonly viewer: Viewer, private readonly onDone: () => void) {}

  /** Forgets what was being written. */
  reset(): void {
    this.#chosen = null;
    this.#note = "";
    this.#problem = "";
    this.#shown = "";
  }

  set(file: EventFile): void {
    const moved = this.#file !== null && this.#file.id === file.id && this.#file.state !== file.state;
    this.#file = file;
    if (moved) this.reset();
    // what is being written stays as it is while other news of the event come
    const shown = [file.id, file.state, file.next.map(({ state }) => state), language()].join();
    if (shown === this.#shown) return;
    this.#shown = shown;
    this.#render();
  }

  get #mayHandle(): boolean {
    const { session, config } = this.viewer;
    return HANDLING.includes(session?.role ?? config.role);
  }

  #render(): void {
    const file = this.#file;
    if (!file) return;
    const at = STATES.indexOf(file.state);
    const steps = STATES.map((state, i) => h("li", {
      class: i < at ? "past" : i === at ? "current" : "", "aria-current": i === at ? "step" : null,
    }, mark(state, i === at), h("span", {}, stateTitle(state))));
    this.element.setAttribute("aria-label", t("steps"));
    this.element.replaceChildren(h("ol", { class: "steps" }, ...steps), ...this.#actions(file));
  }

  #actions(file: EventFile): HTMLElement[] {
    if (!this.#mayHandle) return [h("p", { class: "muted small-text" }, t("step_forbidden"))];
    if (!file.next.length) return file.merged_into_id === null ? [h("p", { class: "muted small-text" }, t("step_end"))] : [];
    const buttons = file.next.map(({ state }, i) => h("button", {
      type: "button", class: `button ${i === 0 && !this.#chosen ? "primary" : ""}`, "data-step": state, "aria-expanded": String(this.#chosen === state),
      onclick: () => this.#choose(state),
    }, t("step_to", { state: stateTitle(state) })));
    const line = h("div", { class: "actions" }, ...buttons);
    const chosen = file.next.find(({ state }) => state === this.#chosen);
    const problem = h("p", { class: "form-error", role: "alert" }, this.#problem);
    return chosen ? [line, this.#form(file, chosen.state, chosen.needs_note), problem] : this.#problem ? [line, problem] : [line];
  }

  #choose(state: EventState): void {
    this.#chosen = this.#chosen === state ? null : state;
    this.#problem = "";
    this.#render();
    this.element.querySelector<HTMLElement>(this.#chosen ? "form .input" : `[data-step="${state}"]`)?.focus();
  }

  #form(file: EventFile, state: EventState, needsNote: boolean): HTMLElement {
    const note = h("textarea", { class: "input", rows: 2, maxlength: 2000, required: needsNote, "aria-describedby": "step-hint", name: "note" });
    note.value = this.#note;
    note.addEventListener("input", () => { this.#note = note.value; });
    const by = h("input", { type: "text", class: "input", required: true, maxlength: 100, name: "by", value: this.#by });
    by.addEventListener("input", () => { this.#by = by.value; });
    const form = h("form", { class: "step-form", novalidate: true },
      h("label", {}, t("step_by"), by),
      h("label", {}, t("step_note"), note, needsNote ? h("small", { id: "step-hint", class: "muted" }, t("step_note_needed")) : null),
      h("button", { type: "submit", class: "button primary wide", disabled: this.#busy }, `${t("step_go")} · ${stateTitle(state)}`));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const missing = !by.value.trim() ? by : needsNote && !note.value.trim() ? note : null;
      if (!missing) void this.#send(file, state, by.value.trim(), note.value.trim());
      else {
        this.element.querySelector(".form-error")!.textContent = t(missing === by ? "step_by_needed" : "step_note_needed");
        missing.focus();
      }
    });
    return form;
  }

  async #send(file: EventFile, state: EventState, by: string, note: string): Promise<void> {
    rememberOperator(by);
    this.#busy = true;
    this.#render();
    try {
      await api.stepEvent(file.id, { state, by, ...(note && { note }) });
      this.#busy = false;
      this.reset();
      this.onDone();
    } catch (error) {
      this.#busy = false;
      const status = error instanceof ApiError ? error.status : -1;
      this.#problem = status === 403 ? t("step_forbidden") : status === 409 ? t("step_conflict") : reasonOf(error);
      if (status === 409) this.onDone();
      this.#render();
    }
  }
}

/** The step where the event is has its state's colour. */
function mark(state: EventState, isCurrent: boolean): HTMLElement {
  const dot = h("i", { "aria-hidden": "true" });
  if (isCurrent) dot.style.borderColor = dot.style.background = stateColor(state);
  return dot;
}
