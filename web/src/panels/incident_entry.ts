/** Adding to an incident's timeline: a note, or the zone, analysis, event or unit that is at hand. */

import type { EntryWish } from "../command_api";
import { h } from "../dom";
import { t } from "../i18n";
import { icon, type IconName } from "../icons";
import type { ZoneBook } from "../live/zone_book";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { operatorField } from "./operator";

export class EntryForm {
  readonly element = h("form", { class: "command-form entry-form", novalidate: true });
  #text = h("textarea", { class: "input", rows: 2, maxlength: 4000, name: "text" });
  #by = operatorField();
  #fault = h("p", { class: "form-error", role: "alert" });

  /** send() adds the entry; it throws where that fails. */
  constructor(private readonly viewer: Viewer, private readonly zones: ZoneBook, private readonly send: (entry: EntryWish) => Promise<void>) {
    this.element.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.#add({ kind: "note" });
    });
    // what is at hand changes while the page is open
    viewer.store.watch(["storedZone", "event", "unit"], () => this.render());
  }

  render(): void {
    const { store, analysis, book } = this.viewer;
    const { storedZone, event, unit } = store.state;
    const attach = (key: string, name: IconName, label: string, entry: Omit<EntryWish, "by">) =>
      h("button", { type: "button", class: "button", "data-attach": key, onclick: () => void this.#add(entry) }, icon(name), h("span", { class: "ellipsis" }, label));
    const newest = this.zones.zones.filter(({ properties }) => properties.kind !== "prevention").sort((a, b) => b.id - a.id);
    const group = newest[0]?.properties.group;
    // of three that were made together the sealed one stands for all
    const zone = storedZone ?? (newest.find(({ properties }) => group && properties.group === group && properties.kind === "sealed") ?? newest[0])?.id ?? null;
    const zoneName = zone === null ? "" : this.zones.get(zone)?.properties.name ?? `#${zone}`;
    const ways = [
      zone === null ? null : attach("zone", "draw", t("attach_zone", { name: zoneName }), { kind: "zone", ref: zone }),
      analysis && attach("analysis", "sliders", t("attach_analysis", { name: analysis.title }), { kind: "analysis", ref: analysis.receipt.hash, summary: { title: analysis.title } }),
      event === null ? null : attach("event", "bell", t("attach_event", { name: book.get(event)?.title ?? `#${event}` }), { kind: "event", ref: event }),
      unit === null ? null : attach("unit", "user", t("attach_unit", { name: unit }), { kind: "unit", ref: unit }),
    ].filter((each) => each !== null);
    this.element.replaceChildren(h("label", { class: "field" }, t("entry_text"), this.#text), this.#by.refresh(), this.#fault,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "entry-add" }, t("entry_add_note"))),
      ways.length ? h("div", { class: "attach" }, ...ways) : "");
  }

  async #add(entry: Omit<EntryWish, "by">): Promise<void> {
    const [text, by] = [this.#text.value.trim(), this.#by.input.value.trim()];
    const missing = !by ? this.#by.input : entry.kind === "note" && !text ? this.#text : null;
    this.#fault.textContent = missing ? t(missing === this.#text ? "entry_text_needed" : "step_by_needed") : "";
    if (missing) {
      missing.focus();
      return;
    }
    try {
      await this.send({ ...entry, by, ...(text && { text }) });
      this.#text.value = "";
      this.render();
    } catch (error) {
      this.#fault.textContent = reasonOf(error);
    }
  }
}
