/** What roads are closed by: stored zones, and the flood that was reckoned last. */

import type { Closed, FloodWish, Profile } from "../command_types";
import { fold, h } from "../dom";
import { t } from "../i18n";
import { zoneKind } from "../live/zone_words";
import type { CommandHost } from "./command_host";
import { segments } from "./segments";
import { zoneSwatch } from "./zones_list";

/** Zones that nobody should drive through are offered first. */
const SHOWN = 60;

export class Closures {
  readonly element = h("div", { class: "closures" });
  #zones = new Set<number>();
  #withFlood = false;
  #isOpen = false;

  constructor(private readonly host: CommandHost, private readonly flood: () => FloodWish | null, private readonly onChange: () => void) {
    host.zones.watch(() => this.element.isConnected && this.render());
  }

  /** null where nothing is closed. */
  get value(): Closed | undefined {
    const flood = this.#withFlood ? this.flood() : null;
    const known = [...this.#zones].filter((id) => this.host.zones.get(id));
    if (!known.length && !flood) return undefined;
    return { ...(known.length && { zones: known }), ...(flood && { flood }) };
  }

  render(): void {
    if (this.host.zones.state === "idle") void this.host.zones.load();
    const box = (checked: boolean, name: string, set: (on: boolean) => void) => {
      const input = h("input", { type: "checkbox", name, checked });
      input.addEventListener("change", () => {
        set(input.checked);
        count.textContent = this.#count();
        this.onChange();
      });
      return input;
    };
    const zones = [...this.host.zones.zones].sort((a, b) => Number(b.properties.kind === "sealed") - Number(a.properties.kind === "sealed") || b.id - a.id).slice(0, SHOWN);
    const lines = zones.map(({ id, properties }) => h("li", {}, h("label", { class: "check-line" },
      box(this.#zones.has(id), `closed-${id}`, (on) => (on ? this.#zones.add(id) : this.#zones.delete(id))),
      zoneSwatch(properties.kind), h("span", { class: "grow ellipsis" }, properties.name ?? `#${id}`), h("span", { class: "count" }, zoneKind(properties.kind)))));
    const flood = this.flood();
    const water = h("label", { class: "check-line" }, box(this.#withFlood && flood !== null, "closed-flood", (on) => { this.#withFlood = on; }), h("span", { class: "grow" }, t("closed_flood")));
    water.querySelector("input")!.disabled = flood === null;
    const count = h("span", { class: "count" }, this.#count());
    const details = fold(h("span", { class: "layer-line" }, h("span", { class: "grow" }, t("closed")), count), () => [water, zones.length ? h("ul", { class: "check-list" }, ...lines) : h("p", { class: "muted small-text" }, t("zones_none"))], this.#isOpen);
    details.addEventListener("toggle", () => { this.#isOpen = details.open; });
    this.element.replaceChildren(details);
  }

  #count(): string {
    const closed = this.value;
    const n = (closed?.zones?.length ?? 0) + (closed?.flood ? 1 : 0);
    return n ? t("closed_count", { n }) : t("closed_none");
  }
}

/** By car or on foot. */
export function profileChoice(current: Profile, choose: (profile: Profile) => void): HTMLElement {
  const choice = segments(t("route_profile"), [["car", t("profile_car")], ["foot", t("profile_foot")]], (profile) => {
    choice.set(profile);
    choose(profile as Profile);
  });
  choice.set(current);
  return choice.element;
}
