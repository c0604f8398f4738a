/** An open incident: its state, its timeline with a slider back in time, what can be added, and what can be taken along. */

import { command, type EntryWish } from "../command_api";
import type { Incident, Timeline } from "../command_types";
import { errorState, fold, h, iconButton, spinner } from "../dom";
import { dateTime } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import { zoneColor } from "../live/zone_words";
import type { Mark } from "../map/marks";
import type { CommandHost } from "./command_host";
import { isMissing, reasonOf } from "./failure";
import { EntryForm } from "./incident_entry";
import { fieldSection } from "./incident_field";
import { entryList } from "./incident_timeline";
import { operator } from "./operator";
import { mayCommand } from "./rights";
import { toast } from "./toasts";

const MARKS = "incident";
const COLOR = "#d81b9a";
const WAIT_MS = 200;
const STEPS = 1000;
const LEAST_MS = 1000;

export class IncidentCard {
  readonly element = h("div", { class: "incident-card" });
  shown: number | null = null;
  #incident: Incident | null = null;
  #timeline: Timeline | null = null;
  #failed = "";
  /** The moment that is looked at, ms; null: now. */
  #moment: number | null = null;
  #asked = 0;
  #timer = 0;
  #isIn = true;
  readonly #list = h("div", { class: "timeline" });
  readonly #form: EntryForm;

  constructor(private readonly host: CommandHost) {
    this.#form = new EntryForm(host.viewer, host.zones, (entry) => this.#enter(entry));
  }

  async open(id: number | null): Promise<void> {
    this.shown = id;
    this.#incident = null;
    this.#timeline = null;
    this.#moment = null;
    this.#failed = "";
    this.draw(this.#isIn);
    if (id === null) return;
    await this.refresh();
  }

  /** Reads it anew; a moment that is looked at stays. */
  async refresh(): Promise<void> {
    const id = this.shown;
    const ask = (this.#asked += 1);
    if (id === null) return;
    try {
      const until = this.#moment === null ? undefined : new Date(this.#moment).toISOString();
      const [incident, timeline] = await Promise.all([command.incident(id, until), command.timeline(id, until)]);
      if (ask !== this.#asked) return;
      // while the slider is dragged the page stays, and only what it shows follows
      const isNew = this.#incident === null || (until === undefined && (this.#incident.version !== incident.version || this.#incident.conflicts !== incident.conflicts));
      [this.#incident, this.#timeline, this.#failed] = [incident, timeline, ""];
      this.draw(this.#isIn);
      if (isNew) this.render();
      else this.#fill();
    } catch (error) {
      if (ask !== this.#asked) return;
      const reason = isMissing(error) ? t("incident_gone", { id }) : reasonOf(error);
      // what is on the page stays, with the slider to go elsewhere
      if (this.#incident) this.#list.replaceChildren(errorState(reason, "", () => void this.refresh()));
      else {
        this.#failed = reason;
        this.render();
      }
    }
  }

  render(): void {
    const back = h("button", { type: "button", class: "button ghost back", id: "incidents-back", onclick: () => this.host.viewer.store.set("incident", null) }, icon("chevron"), t("incidents"));
    const incident = this.#incident;
    if (this.#failed) this.element.replaceChildren(back, errorState(this.#failed, "", () => void this.refresh()));
    else if (!incident) this.element.replaceChildren(back, spinner(t("loading")));
    else {
      this.element.dataset.incidentCard = String(incident.id);
      this.element.replaceChildren(back, this.#head(incident), this.#downloads(incident), this.#slider(incident), this.#list,
        ...incident.state === "open" && mayCommand(this.host.viewer) ? [fold(t("incident_add"), () => [this.#form.element], false, "fold incident-add")] : [],
        mayCommand(this.host.viewer) ? fieldSection(incident.id, incident.conflicts ?? 0, () => void this.refresh()) : "", this.#steps(incident));
      this.#form.render();
      this.#fill();
    }
  }

  #head(incident: Incident): HTMLElement {
    const { name, kind, state, note, opened_at: at, opened_by: by, position } = incident;
    return h("div", { class: "object-head" },
      h("div", { class: "grow" },
        h("div", { class: "chips" }, h("span", { class: `chip ${state === "open" ? "" : "quiet"}`, "data-state": state }, t(state === "open" ? "incident_open" : "incident_closed")), kind ? h("span", { class: "chip quiet" }, kind) : null),
        h("h3", { class: "object-name" }, name),
        h("p", { class: "muted small-text" }, [at ? dateTime(at) : "", by].filter(Boolean).join(" · ")), note ? h("p", { class: "event-text" }, note) : null),
      position && iconButton("target", t("zoom_to"), () => this.host.viewer.flyTo({ center: position })),
      iconButton("link", t("incident_share"), () => void share(incident.id)));
  }

  #downloads({ id }: Incident): HTMLElement {
    const link = (path: string, label: string) => h("a", { class: "button", href: `/incidents/${id}/${path}`, download: true, "data-file": path }, icon("download"), label);
    return h("div", { class: "actions wrap" }, link("briefing.pdf", t("incident_pdf")), link("briefing.zip", t("incident_zip")), link("pack", t("incident_pack")));
  }

  /** Back to any moment since it was opened. */
  #slider({ opened_at: at, closed_at: end }: Incident): HTMLElement {
    // its first entry tells that it was opened; a time of the service is cut to milliseconds here
    const written = (this.#timeline?.entries ?? []).map((entry) => Date.parse(entry.recorded_at ?? entry.at));
    const from = (written.length ? Math.min(...written) : at ? Date.parse(at) : Date.now()) + 1;
    const to = Math.max(end ? Date.parse(end) : Date.now(), from + LEAST_MS);
    const told = h("output", { class: "slider-value" });
    const tell = () => { told.textContent = this.#moment === null ? t("incident_now") : dateTime(new Date(this.#moment).toISOString()); };
    const part = this.#moment === null ? STEPS : Math.round(((this.#moment - from) / (to - from)) * STEPS);
    const input = h("input", { type: "range", class: "grow", min: 0, max: STEPS, step: 1, value: part, id: "incident-replay", "aria-label": t("incident_replay") });
    input.addEventListener("input", () => {
      // the end of the slider is now, whatever comes in the meantime
      this.#moment = input.valueAsNumber >= STEPS ? null : from + ((to - from) * input.valueAsNumber) / STEPS;
      tell();
      input.setAttribute("aria-valuetext", told.textContent ?? "");
      clearTimeout(this.#timer);
      this.#timer = window.setTimeout(() => void this.refresh(), WAIT_MS);
    });
    tell();
    return h("div", { class: "field" }, h("span", {}, t("incident_replay")), h("span", { class: "slider-line" }, input, told));
  }

  #steps({ id, state, version }: Incident): HTMLElement | string {
    if (!mayCommand(this.host.viewer)) return "";
    const run = async (work: (by: string) => Promise<unknown>) => {
      const by = operator();
      if (!by) {
        toast(t("step_by_needed"), "error");
        return;
      }
      try {
        await work(by);
        await this.refresh();
      } catch (error) {
        toast(reasonOf(error), "error");
      }
    };
    const isOpen = state === "open";
    return h("div", { class: "actions incident-steps" }, h("button", {
      type: "button", class: "button", id: isOpen ? "incident-close" : "incident-reopen",
      onclick: () => void run((by) => (isOpen ? command.closeIncident(id, by) : command.reopenIncident(id, by, version ?? 1))),
    }, t(isOpen ? "incident_close" : "incident_reopen")));
  }

  #fill(): void {
    const entries = this.#timeline?.entries;
    if (!entries) this.#list.replaceChildren(spinner(t("loading")));
    else {
      this.#list.replaceChildren(entryList(this.host.viewer, entries));
      this.#list.dataset.entries = String(entries.length);
    }
  }

  async #enter(entry: EntryWish): Promise<void> {
    await command.enter(this.shown!, entry);
    await this.refresh();
  }

  /** Its place, and where its entries say that something was. */
  draw(isIn: boolean): void {
    this.#isIn = isIn;
    const incident = this.#incident;
    this.host.marks.set(MARKS, isIn && incident ? incidentMarks(incident) : []);
  }
}

function incidentMarks({ position, name, zones, events, units, notes }: Incident): Mark[] {
  const of = (found: Incident["zones"], mark: (facts: Record<string, unknown>) => Omit<Mark, "geometry">): Mark[] =>
    (found?.features ?? []).filter(({ geometry }) => geometry !== null).map(({ geometry, properties }) => ({ geometry, ...mark(properties ?? {}) }));
  const titled = (facts: Record<string, unknown>): { label?: string } => {
    const title = facts.title ?? facts.name ?? facts.text;
    return typeof title === "string" && title ? { label: title.slice(0, 24) } : {};
  };
  return [
    ...of(zones, ({ kind, is_gone: gone }) => ({ color: zoneColor(typeof kind === "string" ? kind : null), opacity: gone || kind === "prevention" ? 0 : 0.16, width: 3, dashed: gone === true })),
    ...of(units, (facts) => ({ color: "#ef8200", radius: 7, ...titled(facts) })),
    ...of(notes, (facts) => ({ color: "#1664d9", radius: 6, ...titled(facts) })),
    ...of(events, (facts) => ({ color: "#d92d20", radius: 7, ...titled(facts) })),
    ...position ? [{ geometry: { type: "Point" as const, coordinates: position }, color: COLOR, radius: 10, label: name }] : [],
  ];
}

async function share(id: number): Promise<void> {
  const address = `${location.origin}/?incident=${id}`;
  try {
    await navigator.clipboard.writeText(address);
    toast(t("copied"));
  } catch {
    toast(address);
  }
}
