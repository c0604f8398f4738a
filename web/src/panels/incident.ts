/** The incident of the command page: the list, the form for a new one, and the one that is open. */

import { command } from "../command_api";
import type { Incident } from "../command_types";
import { emptyState, errorState, h, spinner } from "../dom";
import { dateTime } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import type { CommandHost, CommandPart } from "./command_host";
import { isNotServed, reasonOf } from "./failure";
import { IncidentCard } from "./incident_card";
import { operatorField } from "./operator";
import { PlaceField, type Place } from "./place_field";
import { mayCommand } from "./rights";
import { toast } from "./toasts";

const LISTS_HINT = 200;

export class IncidentTab implements CommandPart {
  readonly element = h("div", { class: "incident-tab" });
  readonly #card: IncidentCard;
  #list: Incident[] | null = null;
  #failed = "";
  #form: HTMLFormElement | null = null;
  #place: Place | null = null;

  constructor(private readonly host: CommandHost) {
    this.#card = new IncidentCard(host);
    host.viewer.store.watch(["incident"], ({ incident }) => {
      this.#form = null;
      void this.#card.open(incident);
      this.render();
      if (incident === null && this.element.isConnected) void this.#read();
    });
  }

  enter(): void {
    const { incident } = this.host.viewer.store.state;
    if (incident !== null && this.#card.shown !== incident) void this.#card.open(incident);
    this.#card.draw(true);
    this.render();
    void this.#read();
  }

  leave(): void {
    this.#card.draw(false);
    this.host.pointing.stop();
  }

  hear(): void {
    if (!this.element.isConnected) return;
    if (this.host.viewer.store.state.incident !== null) void this.#card.refresh();
    else void this.#read();
  }

  async #read(): Promise<void> {
    try {
      this.#list = await command.incidents();
      this.#failed = "";
    } catch (error) {
      this.#failed = isNotServed(error) ? t("cmd_not_served") : reasonOf(error);
    }
    if (this.host.viewer.store.state.incident === null && !this.#form) this.render();
  }

  render(): void {
    if (this.host.viewer.store.state.incident !== null) {
      this.#card.render();
      this.element.replaceChildren(this.#card.element);
    } else if (this.#form) {
      this.element.replaceChildren(h("h3", { class: "object-name" }, t("incident_new")), this.#form);
    } else {
      const start = mayCommand(this.host.viewer) ? h("div", { class: "actions wrap" }, h("button", { type: "button", class: "button primary", id: "incident-new", onclick: () => this.#begin() }, icon("plus"), t("incident_new"))) : "";
      this.element.replaceChildren(start, this.#content());
    }
  }

  #content(): HTMLElement {
    if (this.#failed) return errorState(t("incidents_failed"), this.#failed, () => void this.#read());
    if (!this.#list) return spinner(t("loading"));
    if (!this.#list.length) return emptyState(t("incidents_none"));
    const open = (incident: Incident) => {
      this.host.viewer.store.set("incident", incident.id);
      if (incident.position) this.host.viewer.flyTo({ center: incident.position });
    };
    return h("ul", { class: "links incident-list" }, ...this.#list.slice(0, LISTS_HINT).map((each) => h("li", {}, h("button", { type: "button", class: "row-button event-row", "data-incident": each.id, onclick: () => open(each) },
      h("span", { class: "grow" }, h("span", { class: "event-line ellipsis" }, each.name), h("span", { class: "muted small-text" }, [each.kind, each.opened_at ? dateTime(each.opened_at) : ""].filter(Boolean).join(" · "))),
      h("span", { class: `chip ${each.state === "open" ? "" : "quiet"}` }, t(each.state === "open" ? "incident_open" : "incident_closed"))))));
  }

  #begin(): void {
    const { viewer, pointing } = this.host;
    this.#place = null;
    const by = operatorField();
    const input = (name: string, required = false) => h("input", { type: "text", class: "input", name, maxlength: name === "kind" ? 60 : 120, required });
    const [name, kind] = [input("name", true), input("kind")];
    const note = h("textarea", { class: "input", rows: 2, maxlength: 2000, name: "note" });
    const fault = h("p", { class: "form-error", role: "alert" });
    const field = (label: string, element: HTMLElement) => h("label", { class: "field" }, label, element);
    const place = new PlaceField(viewer, pointing, "incident", t("incident_place"), null, (chosen) => { this.#place = chosen; });
    const send = h("button", { type: "submit", class: "button primary" }, t("incident_make"));
    const form = h("form", { class: "command-form", novalidate: true }, field(t("name"), name), field(t("incident_kind"), kind), place.element, field(t("zone_note"), note), by.element, fault,
      h("div", { class: "actions" }, send, h("button", { type: "button", class: "button", onclick: () => this.#end() }, t("draw_cancel"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      const missing = !name.value.trim() ? name : !by.input.value.trim() ? by.input : null;
      fault.textContent = missing ? t(missing === name ? "cmd_name_needed" : "step_by_needed") : "";
      if (missing) missing.focus();
      else void this.#send({ name: name.value.trim(), by: by.input.value.trim(), kind: kind.value.trim(), note: note.value.trim() }, send, fault);
    });
    this.#form = form;
    this.render();
    name.focus();
  }

  #end(): void {
    this.#form = null;
    this.host.pointing.stop();
    this.render();
  }

  async #send({ name, by, kind, note }: { name: string; by: string; kind: string; note: string }, button: HTMLButtonElement, fault: HTMLElement): Promise<void> {
    button.disabled = true;
    const place = this.#place;
    try {
      const made = await command.openIncident({ name, by, ...(kind && { kind }), ...(note && { note }), ...(place && { position: place.position }) });
      // an incident that began as an event has it on its timeline
      if (place?.event !== undefined) await command.enter(made.id, { by, kind: "event", ref: place.event }).catch((error: unknown) => toast(reasonOf(error), "error"));
      this.#form = null;
      this.host.viewer.store.set("incident", made.id);
    } catch (error) {
      button.disabled = false;
      fault.textContent = isNotServed(error) ? t("cmd_not_served") : reasonOf(error);
    }
  }
}
