/** The bar of the last day at the bottom: what happened when, and a clock that plays it on the map. */

import { emptyState, errorState, h, iconButton, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { inBin, readDay, renewed, until, type Day } from "../live/day";
import { hour } from "../live/hour";
import type { CityEvent } from "../live_types";
import { Playback } from "../tools/playback";
import type { Viewer } from "../viewer";
import { EventList } from "./event_list";
import { reasonOf } from "./failure";
import { binTitle, histogram, hours } from "./histogram";
import { segments } from "./segments";
import type { SidePanel } from "./side";

const SPEEDS = [300, 1200, 3600];
const STEP_MS = 60_000;

/** What the list beside shows: all up to the moment, or one half hour. */
type Listed = "shown" | { bin: number };

export class DayBar {
  readonly element = h("section", { id: "day", class: "day-bar panel", hidden: true });
  #day: Day | null = null;
  #asked = 0;
  #listed: Listed | null = null;
  readonly #events: EventList;
  #playback = new Playback(() => this.#moved());

  /** onShow() is called with the events that the map is to show, or null for what is open now. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, private readonly onShow: (events: CityEvent[] | null) => void) {
    this.#events = new EventList(viewer, () => t("day_none"));
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
      this.#list(null);
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
        h("button", { type: "button", class: "text-button", id: "day-count", onclick: () => (this.#listed === "shown" ? this.#list(null) : this.#open("shown")) }),
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
    return h("div", { class: "day-track" }, histogram(day, (bin) => this.#open({ bin })), scale, h("i", { class: "day-now", "aria-hidden": "true" }), slider);
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
    if (this.#listed) this.#list(this.#listed);
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

  /** Lists the events up to the moment, or those of one half hour; the latest first. */
  #list(listed: Listed | null): void {
    const front = listed !== null && this.#listed === null;
    this.#listed = listed;
    const day = this.#day;
    if (!listed || !day) {
      this.side.hide("day");
      return;
    }
    const events = listed === "shown" ? this.#shown(day) : inBin(day, listed.bin);
    const title = listed === "shown" ? t("day_shown", { n: number(events.length, 0) }) : binTitle(day, listed.bin, events.length);
    this.#events.show([...events].reverse());
    const body = h("div", { class: "panel-body", "data-count": events.length }, h("p", { class: "muted small-text now-total" }, title), this.#events.element);
    this.side.show("day", "day", body, () => this.#list(null), front);
  }

  #open(listed: Listed): void {
    this.#events.reset();
    this.#listed = null;
    this.#list(listed);
  }
}
