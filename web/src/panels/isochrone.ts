/** How far one comes in so many minutes, or from where one comes here in time. */

import { command } from "../command_api";
import type { FloodWish, Isochrone, Profile } from "../command_types";
import { emptyState, h } from "../dom";
import { area, number } from "../format";
import { t } from "../i18n";
import { boundsOf, type Mark } from "../map/marks";
import type { Viewer } from "../viewer";
import { AskingTool } from "./asking_tool";
import { Closures, profileChoice } from "./closures";
import type { CommandHost } from "./command_host";
import { receiptButton } from "./figures";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { segments } from "./segments";

/** From the nearest band out. */
const BANDS = ["#0f766e", "#14a098", "#6fc7bb", "#b5e3da", "#d9f1ec"];
const MOST_MINUTES = 60;

export class IsochroneTool extends AskingTool<Isochrone> {
  readonly #closures: Closures;
  #place: Place | null = null;
  #minutes = "5, 10, 15";
  #profile: Profile = "car";
  #direction: "from" | "to" = "from";

  constructor(host: CommandHost, flood: () => FloodWish | null) {
    super(host, "isochrone");
    this.#closures = new Closures(host, flood, () => void this.ask());
  }

  render(): void {
    const { viewer, pointing } = this.host;
    const place = new PlaceField(viewer, pointing, "isochrone", t("isochrone_place"), this.#place, (chosen) => {
      this.#place = chosen;
      this.draw();
      if (chosen) void this.ask();
    });
    const minutes = h("input", { type: "text", class: "input", name: "minutes", inputmode: "numeric", value: this.#minutes });
    minutes.addEventListener("change", () => { this.#minutes = minutes.value; });
    const direction = segments(t("isochrone_direction"), [["from", t("isochrone_from")], ["to", t("isochrone_to")]], (chosen) => {
      this.#direction = chosen as "from" | "to";
      direction.set(chosen);
      void this.ask();
    });
    direction.set(this.#direction);
    this.#closures.render();
    const form = h("form", { class: "command-form", novalidate: true }, place.element, h("label", { class: "field" }, t("isochrone_minutes"), minutes),
      h("div", { class: "look-line" }, profileChoice(this.#profile, (profile) => { this.#profile = profile; void this.ask(); }), direction.element), this.#closures.element,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "isochrone-run" }, t("isochrone_run"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.#minutes = minutes.value;
      void this.ask(true);
    });
    this.element.replaceChildren(h("p", { class: "muted small-text" }, t("isochrone_hint")), form, this.results);
    this.fill();
  }

  protected async ask(wanted = false): Promise<void> {
    const minutes = this.#minutes.split(/[\s,，、]+/).filter(Boolean).map(Number);
    const wrong = !this.#place ? t("place_missing") : !minutes.length || minutes.some((each) => !(each > 0 && each <= MOST_MINUTES)) ? t("isochrone_wrong", { n: MOST_MINUTES }) : "";
    if (wrong) {
      this.asking.forget();
      if (wanted) this.refuse(wrong);
      return;
    }
    const closed = this.#closures.value;
    const from = this.#place!.position;
    const answer = await this.asking.ask((signal) => command.isochrone(
      { from, minutes, profile: this.#profile, direction: this.#direction, ...(closed && { closed }) }, signal));
    this.draw();
    if (!answer) return;
    this.offer(answer.receipt);
    this.host.viewer.flyTo({ bounds: boundsOf(answer.features.map(({ geometry }) => geometry)) }, 17);
  }

  protected draw(): void {
    const { answer } = this.asking;
    const bands = answer ? nearFirst(answer) : [];
    const marks: Mark[] = bands.map(({ geometry }, i) => ({ geometry, color: bandColor(i), opacity: 0.3, width: 1.5 }));
    if (this.#place) marks.unshift({ geometry: { type: "Point", coordinates: this.#place.position }, color: "#ff8a00", radius: 8 });
    // the widest lies lowest
    this.host.marks.set(this.name, marks.reverse());
  }

  protected told(answer: Isochrone): HTMLElement[] {
    return bandsList(this.host.viewer, answer);
  }
}

const nearFirst = ({ features }: Isochrone) => [...features].sort((a, b) => a.properties.minutes - b.properties.minutes);
const bandColor = (i: number): string => BANDS[Math.min(i, BANDS.length - 1)]!;

function bandsList(viewer: Viewer, answer: Isochrone): HTMLElement[] {
  const bands = nearFirst(answer);
  if (!bands.length) return [emptyState(t("isochrone_none")), receiptFold(viewer, answer.receipt)];
  const rows = bands.map(({ geometry, properties: { minutes, area_m2: size } }, i) => {
    const mark = h("span", { class: "swatch", "aria-hidden": "true" });
    mark.style.background = bandColor(i);
    return h("li", {}, h("button", { type: "button", class: "row-button", "data-minutes": minutes, onclick: () => viewer.flyTo({ bounds: boundsOf([geometry]) }, 17) },
      mark, h("span", { class: "grow" }, t("isochrone_band", { n: number(minutes) })), h("span", { class: "count" }, area(size))));
  });
  return [h("ul", { class: "links bands" }, ...rows), h("div", { class: "list-foot" }, h("span", { class: "grow" }), receiptButton()), receiptFold(viewer, answer.receipt)];
}
