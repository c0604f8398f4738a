/** The bar of the last day at the bottom: what happened when, and a clock that plays it on the map. */

import { emptyState, errorState, h, iconButton, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { readDay, renewed, until, type Day } from "../live/day";
import { hour } from "../live/hour";
import { typeTitle } from "../live/event_words";
import type { CityEvent } from "../live_types";
import { Playback } from "../tools/playback";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { histogram, hours } from "./histogram";
import { eventRow } from "./now";
import { segments } from "./segments";
import type { SidePanel } from "./side";

const SPEEDS = [300, 1200, 3600];
const LISTED = 200;
const STEP_MS = 60_000;

export class DayBar {
  readonly element = h("section", { id: "day", class: "day-bar panel", hidden: true });
  #day: Day | null = null;
  #asked = 0;
  #isListed = false;
  #playback = new Playback(() => this.#moved());

  /** onShow() is called with the events that the map is to show, or null for what is open now. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, private readonly onShow: (events: CityEvent[] | null) => void) {
    viewer.store.watch(["day"], () => void this.follow());
    viewer.store.watch(["lang"], () => { if (this.#day) this.#render(this.#day); });
    viewer.book.watch(({ changed }) => this.#hear(changed));
    this.element.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      event.stopPropagation();
      viewer.store.set("day", false);
    });
  }

  async follow(): Promise<void> {
    const isOpen = this.viewer.store.state.day;
    const ask = (this.#asked += 1);
    this.element.hidden = !isOpen;
    document.body.toggleAttribute("data-day", isOpen);
    this.#playback.pause();
    if (!isOpen) {
      this.#day = null;
      this.#list(false);
      this.onShow(null);
      return;
    }
    this.element.setAttribute("aria-label", t("day_open"));
    this.element.replaceChildren(this.#head(), spinner(t("loading")));
    try {
      const day = await readDay();
      if (ask !== this.#asked) return;
      this.#day = day;
      this.#playback.setSpan(day.from, day.to);
      this.#render(day);
      this.#moved();
    } catch (error) {
      if (ask === this.#asked) this.element.replaceChildren(this.#head(), errorState(t("day_failed"), reasonOf(error), () => void this.follow()));
    }
  }

  #hear(changed: number[]): void {
    const day = this.#day;
    const { book } = this.viewer;
    const news = changed.map((id) => book.get(id)).filter((event) => event !== undefined);
    if (!day || !news.length) return;
    this.#day = renewed(day, news);
    this.#playback.setSpan(day.from, this.#day.to, true);
    this.#render(this.#day);
    this.#moved();
  }

  #head(...between: (Node | null)[]): HTMLElement {
    return h("header", { class: "day-head" }, h("h2", {}, t("day")), ...between,
      iconButton("close", t("close"), () => this.viewer.store.set("day", false), { id: "day-close" }));
  }

  #render(day: Day): void {
    const focused = this.element.contains(document.activeElement) ? document.activeElement?.id : "";
    const speeds = segments(t("day_speed", { n: "" }), SPEEDS.map((speed) => [String(speed), `${speed}×`]), (speed) => {
      this.#playback.speed = Number(speed);
      speeds.set(speed);
    });
    speeds.set(String(this.#playback.speed));
    this.element.setAttribute("aria-label", t("day_open"));
    this.element.replaceChildren(
      this.#head(
        h("button", { type: "button", class: "icon-button", id: "day-play", onclick: () => this.#toggle() }),
        speeds.element,
        h("b", { class: "day-moment", id: "day-moment", role: "status", "aria-live": "off" }),
        h("button", { type: "button", class: "text-button", id: "day-count", onclick: () => this.#list(!this.#isListed) }),
        day.cut ? h("span", { class: "muted small-text" }, t("day_cut", { n: number(day.events.length, 0) })) : null,
        h("span", { class: "grow" })),
      day.events.length ? this.#track(day) : emptyState(t("day_none")));
    this.#sync();
    if (focused) this.element.querySelector<HTMLElement>(`#${CSS.escape(focused)}`)?.focus();
  }

  #track(day: Day): HTMLElement {
    const slider = h("input", {
      type: "range", id: "day-slider", min: day.from, max: day.to, step: STEP_MS, "aria-label": t("day_moment"),
      oninput: (event: Event) => this.#playback.seek((event.target as HTMLInputElement).valueAsNumber),
    });
    const scale = h("div", { class: "day-hours", "aria-hidden": "true" }, ...hours(day).map(([part, text]) => {
      const mark = h("span", {}, text);
      mark.style.left = `${part * 100}%`;
      return mark;
    }));
    return h("div", { class: "day-track" }, histogram(day), scale, h("i", { class: "day-now", "aria-hidden": "true" }), slider);
  }

  #toggle(): void {
    if (this.#playback.playing) this.#playback.pause();
    else this.#playback.play();
    this.#moved();
  }

  #moved(): void {
    this.#sync();
    const day = this.#day;
    if (!day) return;
    this.onShow(this.#shown(day));
    if (this.#isListed) this.#list(true);
  }

  /** A slider knows full minutes only: at its end all is shown. */
  #shown(day: Day): CityEvent[] {
    return day.to - this.#playback.moment < STEP_MS ? day.events : until(day, this.#playback.moment);
  }

  #sync(): void {
    const day = this.#day;
    const find = <T extends HTMLElement>(id: string) => this.element.querySelector<T>(`#${id}`);
    const play = find("day-play");
    if (!day || !play) return;
    const { playing, moment } = this.#playback;
    const label = t(playing ? "day_pause" : "day_play");
    play.replaceChildren(...iconButton(playing ? "pause" : "play", label, () => undefined).childNodes);
    play.title = label;
    play.setAttribute("aria-label", label);
    play.setAttribute("aria-pressed", String(playing));
    find("day-moment")!.textContent = hour(moment);
    const count = this.#shown(day).length;
    find("day-count")!.textContent = t("day_shown", { n: number(count, 0) });
    find("day-count")!.dataset.count = String(count);
    const slider = find<HTMLInputElement>("day-slider");
    if (!slider) return;
    slider.value = String(moment);
    slider.setAttribute("aria-valuetext", hour(moment));
    this.element.querySelector<HTMLElement>(".day-now")!.style.left = `${((moment - day.from) / (day.to - day.from)) * 100}%`;
  }

  /** The events up to the moment, the latest first. */
  #list(isListed: boolean): void {
    const front = isListed && !this.#isListed;
    this.#isListed = isListed;
    const day = this.#day;
    if (!isListed || !day) {
      this.side.hide("day");
      return;
    }
    const events = [...this.#shown(day)].reverse().slice(0, LISTED);
    const body = h("div", { class: "panel-body" }, h("ul", { class: "links event-list" }, ...events.map((event) => h("li", {},
      eventRow(event, typeTitle(event, this.viewer.book.types), {
        onclick: () => this.viewer.openEvent(event.id, event.longitude === null ? undefined : { center: [event.longitude, event.latitude!] }),
      })))));
    this.side.show("day", "day", body, () => this.#list(false), front);
  }
}
