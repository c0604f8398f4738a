/** The log of zones: who did what, each entry with its hash; the chain is checked by the service and can be by hand. */

import { command } from "../command_api";
import type { ZoneLogEntry } from "../command_types";
import { emptyState, errorState, fold, h, spinner } from "../dom";
import { dateTime } from "../format";
import { t, word } from "../i18n";
import { icon } from "../icons";
import type { Viewer } from "../viewer";
import { isNotServed, reasonOf } from "./failure";

const PAGE = 100;
const HASH_SHOWN = 12;

/** Entries, the newest first; an entry opens to what was asked for and what it rests on. */
export function logEntries(entries: ZoneLogEntry[], open?: (zone: number) => void): HTMLElement {
  if (!entries.length) return emptyState(t("zone_log_none"));
  return h("ol", { class: "zone-log" }, ...[...entries].reverse().map((entry) => h("li", { "data-entry": entry.id }, entryFold(entry, open))));
}

function entryFold(entry: ZoneLogEntry, open?: (zone: number) => void): HTMLElement {
  const name = typeof entry.entry.name === "string" ? entry.entry.name : entry.zone_id === null ? "" : `#${entry.zone_id}`;
  const hash = entry.hash.replace(/^sha256:/, "");
  const title = h("span", { class: "grow log-line" },
    h("span", {}, `${word("zone_action_", entry.action, entry.action)} ${name}`),
    h("span", { class: "muted small-text" }, [entry.author, dateTime(entry.recorded_at)].filter(Boolean).join(" · ")),
    h("span", { class: "mono muted", title: entry.hash }, `${hash.slice(0, HASH_SHOWN)}…`));
  return fold(title, () => [
    h("p", { class: "mono break small-text" }, entry.hash),
    h("pre", { class: "mono log-entry" }, JSON.stringify(entry.entry, null, 1)),
    open && entry.zone_id !== null ? h("button", { type: "button", class: "button", onclick: () => open(entry.zone_id!) }, t("zone_open")) : null,
  ]);
}

/** The whole log, with the service's word on whether its chain holds. */
export class ZoneLogView {
  readonly element = h("div", { class: "zone-log-view" });
  #entries: ZoneLogEntry[] = [];
  #verified: boolean | null = null;
  #failed = "";
  #after = 0;
  #isAll = false;
  #isBusy = false;

  constructor(private readonly viewer: Viewer, private readonly back: () => void) {}

  async open(): Promise<void> {
    [this.#entries, this.#verified, this.#failed, this.#after, this.#isAll] = [[], null, "", 0, false];
    await this.#more();
  }

  /** The service lists from the oldest on: pages are read until all are there. */
  async #more(): Promise<void> {
    this.#isBusy = true;
    this.render();
    try {
      const { entries, verified } = await command.wholeLog(this.#after, PAGE);
      this.#entries.push(...entries);
      this.#after = entries.at(-1)?.id ?? this.#after;
      this.#isAll = entries.length < PAGE;
      // each page says of itself, and of the entry before it, whether they hold
      if (verified !== undefined) this.#verified = verified && this.#verified !== false;
    } catch (error) {
      this.#failed = isNotServed(error) ? t("cmd_not_served") : reasonOf(error);
    }
    this.#isBusy = false;
    this.render();
  }

  render(): void {
    const isHeld = this.#verified;
    const check = h("div", { class: "actions" }, h("button", { type: "button", class: "button", id: "log-verify", disabled: this.#isBusy, onclick: () => void this.open() }, icon("check"), t("zone_log_verify")));
    const told = isHeld === null ? null : h("p", { class: isHeld ? "notice good" : "notice bad", role: "status", "data-verified": String(isHeld) },
      icon(isHeld ? "check" : "warning"), t(isHeld ? "zone_log_holds" : "zone_log_broken"));
    const more = this.#isAll || this.#failed || this.#isBusy ? null : h("button", { type: "button", class: "button wide", onclick: () => void this.#more() }, t("zone_log_more"));
    this.element.replaceChildren(
      h("button", { type: "button", class: "button ghost back", id: "zones-back", onclick: this.back }, icon("chevron"), t("zones")),
      h("h3", { class: "object-name" }, t("zone_log")), h("p", { class: "muted small-text" }, t("zone_log_hint")),
      check, told ?? "",
      this.#failed ? errorState(t("error"), this.#failed, () => void this.open()) : this.#isBusy && !this.#entries.length ? spinner(t("loading")) : logEntries(this.#entries, (zone) => this.viewer.store.set("storedZone", zone)),
      more ?? "");
  }
}
