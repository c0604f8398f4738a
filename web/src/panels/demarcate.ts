/** Three zones in one click: a place, a set of rules, a look at what would come of it, and then the word that makes it so. */

import { command } from "../command_api";
import type { DemarcateAt, DemarcateWish, Demarcation, DemarcatedZone, Rule, Tally } from "../command_types";
import { errorState, h, spinner } from "../dom";
import { area, number } from "../format";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import { DEMARCATED, zoneColor, zoneKind } from "../live/zone_words";
import { boundsOf, type Mark } from "../map/marks";
import type { CommandHost } from "./command_host";
import { isNotServed, reasonOf } from "./failure";
import { receiptButton, tally } from "./figures";
import { operatorField } from "./operator";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { noteText } from "./said";
import { toast } from "./toasts";

const GATE = "#111827";
const MARKS = "demarcation";
const MOST_M = 20_000;

export class DemarcateView {
  readonly element = h("div", { class: "demarcate" });
  #rules: Rule[] | null = null;
  #failed = "";
  #rule = "";
  #place: Place | null = null;
  #answer: Demarcation | null = null;
  #problem = "";
  #busy: "" | "look" | "make" = "";
  #request: AbortController | null = null;
  readonly #results = h("div", {});
  readonly #fault = h("p", { class: "form-error", role: "alert" });
  #by = operatorField();
  #name = h("input", { type: "text", class: "input", maxlength: 120, name: "name" });
  #sealed = h("input", { type: "number", class: "input", min: 0, max: MOST_M, step: 1, name: "sealed_m" });
  #controlled = h("input", { type: "number", class: "input", min: 0, max: MOST_M, step: 1, name: "controlled_m" });

  /** back() is called when the dialog is left. */
  constructor(private readonly host: CommandHost, private readonly back: () => void) {
    for (const input of [this.#sealed, this.#controlled]) input.addEventListener("change", () => this.#forget());
  }

  async open(): Promise<void> {
    this.render();
    if (!this.#rules) await this.#readRules();
  }

  /** What was looked at and not made goes from the map. */
  leave(): void {
    this.#request?.abort();
    this.#forget();
  }

  async #readRules(): Promise<void> {
    this.#failed = "";
    try {
      this.#rules = await command.rules();
      this.#choose(this.#rules[0]?.name ?? "");
    } catch (error) {
      this.#failed = isNotServed(error) ? t("cmd_not_served") : reasonOf(error);
      this.render();
    }
  }

  #choose(name: string): void {
    this.#rule = name;
    const rule = this.#rules?.find((each) => each.name === name);
    for (const [input, metres, by] of [[this.#sealed, rule?.sealed_m, rule?.sealed], [this.#controlled, rule?.controlled_m, rule?.controlled]] as const) {
      // only a rule that goes by distance has one to set
      input.disabled = typeof by === "string" ? by !== "distance" : !metres;
      input.value = input.disabled || !metres ? "" : String(metres);
    }
    this.#forget();
    this.render();
  }

  /** Another wish: what was looked at is no answer to it. */
  #forget(): void {
    this.#answer = null;
    this.#problem = "";
    this.host.marks.set(MARKS, []);
    this.#update();
  }

  /** The form stays as it is: who is writing in it keeps the place. */
  #update(): void {
    this.#fault.textContent = this.#problem;
    const look = this.element.querySelector<HTMLButtonElement>("#demarcate-look");
    if (look) look.disabled = this.#busy !== "";
    look?.classList.toggle("primary", !this.#answer);
    this.#results.replaceChildren(...this.#result());
  }

  render(): void {
    const back = h("button", { type: "button", class: "button ghost back", id: "zones-back", onclick: this.back }, icon("chevron"), t("zones"));
    const title = h("h3", { class: "object-name" }, t("demarcate"));
    if (this.#failed) this.element.replaceChildren(back, title, errorState(t("demarcate_failed"), this.#failed, () => void this.#readRules()));
    else if (!this.#rules) this.element.replaceChildren(back, title, spinner(t("loading")));
    else {
      this.element.replaceChildren(back, title, this.#form(this.#rules), this.#results);
      this.#update();
    }
  }

  #form(rules: Rule[]): HTMLElement {
    const field = (label: string, input: HTMLElement) => h("label", { class: "field" }, label, input);
    const choice = h("select", { class: "input", name: "rule" }, ...rules.map(({ name, title }) => h("option", { value: name, selected: name === this.#rule }, titleOf(title, name))));
    choice.addEventListener("change", () => this.#choose(choice.value));
    const place = new PlaceField(this.host.viewer, this.host.pointing, "demarcate", t("demarcate_place"), this.#place, (chosen) => {
      this.#place = chosen;
      this.#forget();
      this.host.marks.set(MARKS, chosen ? [{ geometry: { type: "Point", coordinates: chosen.position }, color: zoneColor("sealed"), radius: 7 }] : []);
    });
    const form = h("form", { class: "command-form", novalidate: true }, place.element, field(t("demarcate_rule"), choice),
      h("div", { class: "field-pair" }, field(t("demarcate_sealed_m"), this.#sealed), field(t("demarcate_controlled_m"), this.#controlled)),
      field(t("demarcate_name"), this.#name), this.#by.refresh(),
      this.#fault,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "demarcate-look" }, icon("eye"), t("demarcate_look"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#ask(true);
    });
    return form;
  }

  #result(): HTMLElement[] {
    if (this.#busy === "look") return [spinner(t("demarcate_looking"))];
    const answer = this.#answer;
    if (!answer) return [];
    const sorted = [...answer.zones].sort((a, b) => rank(a) - rank(b));
    const gates = answer.gates.features.length;
    const hasArea = sorted.some(({ properties }) => properties.area_m2 !== undefined);
    return [
      answer.extended ? h("p", { class: "notice" }, icon("warning"), t("demarcate_extended")) : h("span", {}),
      h("table", { class: "demarcated", "data-demarcated": answer.zones.length },
        h("thead", {}, h("tr", {}, ...[t("zone_kind"), ...hasArea ? [t("inventory_area")] : [], t("demarcate_gates"), t("demarcate_buildings"), t("units"), t("demarcate_persons")].map((each) => h("th", { scope: "col" }, each)))),
        h("tbody", {}, ...sorted.map((zone) => zoneRow(zone, hasArea)))),
      h("div", { class: "list-foot" }, h("span", { class: "muted small-text grow" }, t("demarcate_gates_count", { n: gates })), receiptButton()),
      ...answer.receipt.notes.filter(({ code }) => code === "no_gates").map((note) => h("p", { class: "notice", "data-no-gates": note.wording ?? "" }, icon("warning"), noteText(this.host.viewer, note))),
      h("div", { class: "actions" }, h("button", { type: "button", class: "button primary wide", id: "demarcate-make", disabled: this.#busy !== "", onclick: () => void this.#ask(false) },
        icon("check"), t("demarcate_make"))),
      receiptFold(this.host.viewer, answer.receipt),
    ];
  }

  /** The wish as it stands; a text says what is missing. */
  #wish(dry: boolean): DemarcateWish | string {
    const by = this.#by.input.value.trim();
    if (!this.#place) return t("place_missing");
    if (!by) return t("step_by_needed");
    const metres = (input: HTMLInputElement) => (input.disabled || input.value === "" ? undefined : input.valueAsNumber);
    const [sealed, controlled] = [metres(this.#sealed), metres(this.#controlled)];
    if ([sealed, controlled].some((each) => each !== undefined && !(each >= 0 && each <= MOST_M))) return t("zone_metres_wrong", { n: number(MOST_M, 0) });
    const name = this.#name.value.trim();
    return {
      by, at: whereOf(this.#place), rule: this.#rule, dry_run: dry, ...(name && { name }),
      ...(sealed !== undefined && { sealed_m: sealed }), ...(controlled !== undefined && { controlled_m: controlled }),
    };
  }

  async #ask(dry: boolean): Promise<void> {
    const wish = this.#wish(dry);
    this.#problem = typeof wish === "string" ? wish : "";
    if (typeof wish === "string") {
      this.#update();
      return;
    }
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.#busy = dry ? "look" : "make";
    this.#update();
    try {
      const answer = await command.demarcate(wish, request.signal);
      if (request.signal.aborted) return;
      this.#busy = "";
      if (dry) this.#show(answer);
      else this.#made(answer);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#busy = "";
      this.#problem = reasonOf(error);
      this.#update();
    }
  }

  #show(answer: Demarcation): void {
    this.#answer = answer;
    this.host.viewer.analysis = { title: t("demarcate"), receipt: answer.receipt };
    this.host.marks.set(MARKS, demarcationMarks(answer));
    const near = answer.zones.filter(({ properties }) => properties.kind !== "prevention");
    this.host.viewer.flyTo({ bounds: boundsOf(near.map(({ geometry }) => geometry)) }, 17);
    this.#update();
    this.element.querySelector("table")?.scrollIntoView({ block: "nearest" });
  }

  #made(answer: Demarcation): void {
    toast(t("demarcate_made", { hash: (answer.log?.hash ?? "").replace(/^sha256:/, "").slice(0, 12) }));
    this.#forget();
    void this.host.zones.load();
    this.back();
    const sealed = answer.zones.find(({ properties }) => properties.kind === "sealed");
    if (typeof sealed?.id === "number") this.host.viewer.store.set("storedZone", sealed.id);
  }
}

const rank = ({ properties }: DemarcatedZone): number => DEMARCATED.indexOf(properties.kind);

function whereOf({ event, object, layer, position }: Place): DemarcateAt {
  if (event !== undefined) return { event };
  if (object !== undefined && layer === "buildings") return { building: object };
  if (object !== undefined && layer === "units") return { unit: object };
  return { position };
}

function zoneRow({ properties }: DemarcatedZone, hasArea: boolean): HTMLElement {
  const dot = h("i", { class: "zone-dot", "aria-hidden": "true" });
  dot.style.background = zoneColor(properties.kind);
  const cell = (name: string, count: Tally) => h("td", { "data-count": name }, tally(count));
  return h("tr", { "data-kind": properties.kind }, h("th", { scope: "row" }, dot, zoneKind(properties.kind)),
    hasArea ? h("td", {}, properties.area_m2 === undefined ? "—" : area(properties.area_m2)) : null,
    cell("gates", properties.gates), cell("buildings", properties.buildings), cell("units", properties.units), cell("persons", properties.persons ?? properties.residents ?? null));
}

/** Red, orange and blue, and the gates between them. */
export function demarcationMarks(answer: Demarcation): Mark[] {
  const zones = [...answer.zones].sort((a, b) => rank(b) - rank(a)).map(({ geometry, properties: { kind } }): Mark =>
    ({ geometry, color: zoneColor(kind), opacity: kind === "prevention" ? 0.07 : 0.22, width: kind === "prevention" ? 1.5 : 3 }));
  return [...zones, ...answer.gates.features.map(({ geometry }): Mark => ({ geometry, color: GATE, radius: 4 }))];
}
