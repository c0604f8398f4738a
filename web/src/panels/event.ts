/** An event's card: what, where, who answers and until when, its steps, and what lies around. */

import { ApiError, api } from "../api";
import { errorState, fold, h, iconButton, spinner } from "../dom";
import { dateTime, number } from "../format";
import { t } from "../i18n";
import { reasonTitle, severityColor, severityTitle, sourceTitle, typeTitle } from "../live/event_words";
import type { CityEvent, EventFile } from "../live_types";
import { showSeeing } from "../map/sight";
import type { Viewer } from "../viewer";
import { EventClock } from "./event_clock";
import { EventContextSection } from "./event_context";
import { logList } from "./event_log";
import { EventSteps } from "./event_steps";
import { reasonOf } from "./failure";
import { eventRow } from "./event_row";
import type { SidePanel } from "./side";
import { stateChip } from "./state_chip";

export class EventPanel {
  #file: EventFile | null = null;
  #asked = 0;
  #clock = new EventClock();
  #context: EventContextSection;
  #steps: EventSteps;

  /** onShown() is called with the event whose card is open, or null. */
  constructor(private readonly viewer: Viewer, private readonly side: SidePanel, private readonly onShown: (event: EventFile | null) => void) {
    this.#context = new EventContextSection(viewer, () => this.#nameBuilding());
    this.#steps = new EventSteps(viewer, () => void this.#read());
    viewer.store.watch(["event"], () => void this.open(viewer.store.state.event));
    viewer.store.watch(["lang"], () => {
      if (!this.#file) return;
      this.#context.render();
      this.#show(this.#file, false);
    });
    viewer.book.watch(({ changed }) => {
      if (this.#file && changed.includes(this.#file.id)) void this.#read();
    });
  }

  async open(id: number | null): Promise<void> {
    this.#file = null;
    this.#asked += 1;
    this.#steps.reset();
    showSeeing(this.viewer.map, null, []);
    this.onShown(null);
    if (id === null) {
      this.side.hide("event");
      return;
    }
    this.#page(h("div", { class: "panel-body" }, spinner(t("loading"))), true);
    await this.#read();
  }

  async #read(): Promise<void> {
    const id = this.viewer.store.state.event;
    const ask = (this.#asked += 1);
    if (id === null) return;
    try {
      const file = await api.event(id);
      if (ask !== this.#asked) return;
      const isNew = this.#file === null;
      this.#file = file;
      if (isNew) this.#context.open(file);
      this.#show(file, isNew);
      this.onShown(file);
    } catch (error) {
      if (ask !== this.#asked) return;
      const isGone = error instanceof ApiError && error.status === 404;
      this.#page(h("div", { class: "panel-body" }, isGone ? errorState(t("event_gone"), "") : errorState(t("error"), reasonOf(error), () => void this.#read())), false);
    }
  }

  #page(body: HTMLElement, front: boolean): void {
    this.side.show("event", "event", body, () => this.viewer.store.set("event", null), front);
  }

  #show(file: EventFile, front: boolean): void {
    this.#clock.set(file);
    this.#steps.set(file);
    const scroll = this.side.element.querySelector<HTMLElement>(".event-card")?.scrollTop ?? 0;
    const body = h("div", { class: "panel-body event-card", "data-event": file.id, "data-state": file.state },
      this.#head(file), this.#clock.element, this.#steps.element, whereList(this.viewer, file, this.#context.buildingName), this.#context.element,
      fold(`${t("log")} (${file.log.length})`, () => [logList(file.log)]),
      file.parts.length ? fold(`${t("reports")} (${file.parts.length})`, () => [this.#reports(file.parts)]) : "");
    const focused = document.activeElement;
    this.#page(body, front);
    body.scrollTop = scroll;
    // moved into the new page, the field that is being written in has lost the focus
    if (focused instanceof HTMLElement && this.#steps.element.contains(focused)) focused.focus();
  }

  /** The event knows the number of its building only, what is around also its name. */
  #nameBuilding(): void {
    const name = this.#context.buildingName;
    const link = this.side.element.querySelector('.event-card [data-fact="building"] button');
    if (name && link) link.textContent = name;
  }

  #head(file: EventFile): HTMLElement {
    const severity = h("span", { class: "chip severity" }, severityTitle(file.severity));
    severity.style.background = severityColor(file.severity);
    const type = typeTitle(file, this.viewer.book.types);
    const place = file.longitude === null ? null : [file.longitude, file.latitude!];
    return h("div", { class: "object-head" },
      h("div", { class: "grow" },
        h("div", { class: "chips" }, severity, h("span", { class: "chip" }, type), stateChip(file.state)),
        h("h3", { class: "object-name" }, file.title || type),
        h("div", { class: "muted small-text" }, reportLine(file)),
        file.description && file.description !== file.title ? h("p", { class: "event-text" }, file.description) : null,
        file.merged_into_id === null ? null : h("button", {
          type: "button", class: "button", onclick: () => this.viewer.openEvent(file.merged_into_id!),
        }, t("event_merged"))),
      place && iconButton("target", t("zoom_to"), () => this.viewer.flyTo({ center: place })));
  }

  #reports(parts: CityEvent[]): HTMLElement {
    return h("ul", { class: "links" }, ...parts.map((part) => h("li", {}, eventRow(part, typeTitle(part, this.viewer.book.types), {
      onclick: () => this.viewer.openEvent(part.id),
    }))));
  }
}

/** When it was, and who reported it by which number; the keys of the service's own sensors say nothing to people. */
function reportLine({ occurred_at: at, source, source_key: key, sensor_id: sensor }: EventFile): string {
  return `${dateTime(at)} · ${t("event_source")} ${sourceTitle(source)}${source === "sensor" && sensor !== null ? "" : ` ${key}`}`;
}

/** Address, building, storey and room, how sure that is and why; and who answers. */
function whereList(viewer: Viewer, file: EventFile, building: string | null): HTMLElement {
  const link = (id: number | null, text: string) => (id === null ? h("span", {}, text)
    : h("button", { type: "button", class: "text-button", "data-goes-to": id, onclick: () => viewer.select(id, { center: file.longitude === null ? null : [file.longitude, file.latitude!] }) }, text));
  const { confidence, reasons = [] } = file.location;
  const storey = file.storey_number === null ? null : t("event_storey", { n: file.storey_number });
  const facts: [string, Node | string | null, string?][] = [
    [t("event_responsible"), file.responsible ?? t("event_nobody"), "responsible"],
    [t("event_address"), file.address],
    [t("event_building"), file.building_id === null ? null : link(file.building_id, building ?? `#${file.building_id}`), "building"],
    [t("storey"), storey === null ? null : link(file.storey_id, storey), "storey"],
    [t("event_room"), file.room === null ? null : link(file.space_id, file.room), "room"],
    [t("event_height"), file.height_m === null ? null : `${number(file.height_m)} m`],
    [t("event_cell"), file.grid_cell_code],
    [t("event_device"), file.device_code === null ? null : link(file.sensor_id ?? file.camera_id, file.device_code)],
    [t("event_confidence"), confidence === undefined ? null : `${number(confidence * 100, 0)} %`, "confidence"],
    [t("event_reasons"), reasons.length ? reasons.map(({ by, factor }) => `${reasonTitle(by)} (${number(factor * 100, 0)} %)`).join(" · ") : null, "reasons"],
  ];
  return fold(t("event_where"), () => [
    file.longitude === null ? h("p", { class: "notice" }, t("event_no_place")) : null,
    h("dl", { class: "facts" }, ...facts.filter(([, text]) => text !== null && text !== "")
      .flatMap(([name, text, key]) => [h("dt", {}, name), h("dd", { "data-fact": key }, text)])),
  ], true);
}
