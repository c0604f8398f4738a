/** What a group on the map holds: its number there opens this list. */

import { emptyState, errorState, h, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { span } from "../live/event_words";
import type { LastReadings, SensorFeature } from "../live/readings";
import type { CityEvent } from "../live_types";
import { api } from "../api";
import type { Bounds } from "../types";
import type { Viewer } from "../viewer";
import { EventList } from "./event_list";
import { reasonOf } from "./failure";
import type { SidePanel } from "./side";

export class GroupPanel {
  readonly #events: EventList;

  constructor(private readonly viewer: Viewer, private readonly side: SidePanel) {
    this.#events = new EventList(viewer, () => t("now_none"));
    // in another language it would be another list: it is asked for by a click
    viewer.store.watch(["lang"], () => this.side.hide("group"));
  }

  showEvents(events: readonly CityEvent[]): void {
    this.#events.reset();
    this.#events.show(events);
    this.#page(events.length, t("now_total", { n: number(events.length, 0) }), this.#events.element);
  }

  async showSensors(ids: number[], bounds: Bounds, last: LastReadings | null): Promise<void> {
    const told = t("group_sensors", { n: number(ids.length, 0) });
    const page = this.#page(ids.length, told, spinner(t("loading")));
    try {
      const wanted = new Set(ids);
      const found = (await api.sensorsWithin(bounds)).filter(({ id }) => wanted.has(id));
      page.lastElementChild!.replaceWith(found.length ? this.#sensors(found, last) : emptyState(t("context_none")));
    } catch (error) {
      page.lastElementChild!.replaceWith(errorState(t("error"), reasonOf(error), () => void this.showSensors(ids, bounds, last)));
    }
  }

  #page(count: number, told: string, list: HTMLElement): HTMLElement {
    const body = h("div", { class: "panel-body group", "data-count": count }, h("p", { class: "muted small-text" }, told), list);
    this.side.show("group", "group", body, () => this.side.hide("group"));
    return body;
  }

  #sensors(found: SensorFeature[], last: LastReadings | null): HTMLElement {
    return h("ul", { class: "links event-list" }, ...found.map((sensor) => h("li", {}, this.#sensor(sensor, last))));
  }

  #sensor({ id, properties: { code, name, kind, unit } }: SensorFeature, last: LastReadings | null): HTMLElement {
    const at = last?.id.indexOf(id) ?? -1;
    const [value, time, silent] = [last?.value[at] ?? null, last?.time[at] ?? null, last?.stale[at] === 1];
    const center = at < 0 ? null : [last!.lon[at]!, last!.lat[at]!];
    return h("button", { type: "button", class: "row-button event-row", "data-goes-to": id, onclick: () => this.viewer.select(id, { center }) },
      h("span", { class: "grow" },
        h("span", { class: "event-line ellipsis" }, [kind, name].filter(Boolean).join(" · ") || t("unnamed")),
        h("span", { class: "muted small-text ellipsis event-line" }, [code, time === null ? "" : t("ago", { span: span(Date.now() - time * 1000) })].filter(Boolean).join(" · "))),
      h("span", { class: "event-end" },
        h("b", {}, value === null ? t("sensor_no_value") : `${number(value)} ${unit ?? ""}`),
        silent ? h("span", { class: "chip stale" }, t("stale")) : null));
  }
}
