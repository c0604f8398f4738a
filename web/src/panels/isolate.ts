/** A burst: which valves to shut, who is cut off, and what stops next. */

import { command } from "../command_api";
import type { Cascade, CascadeStep, CutBuilding, Isolation, NetworkNode, NetworkPart, Valve } from "../command_types";
import { emptyState, fold, h } from "../dom";
import { length, number } from "../format";
import { t, titleOf, word } from "../i18n";
import { boundsOf, type Mark } from "../map/marks";
import { layerInfo, legendTitle, networkTitle, type Viewer } from "../viewer";
import { Asking } from "./asking";
import { AskingTool } from "./asking_tool";
import type { CommandHost } from "./command_host";
import { figures, reveal, tally, type Figure } from "./figures";
import { objectList, type ListedObject } from "./object_list";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { said } from "./said";

export const PART_COLORS = { isolated: "#d92d20", shadow: "#ef8200" } as const;
const VALVE = "#111827";
const FAILED = "#b45309";
const OF_NETWORKS = ["pipes", "pipe_nodes"];

type Fold = HTMLDetailsElement;

export class IsolateTool extends AskingTool<Isolation> {
  readonly #next = new Asking<Cascade>(() => this.#fillSteps());
  readonly #steps = h("div", {});
  #network = "";
  #place: Place | null = null;
  /** Valves that somebody has found stuck. */
  #unusable: string[] = [];

  constructor(host: CommandHost) {
    super(host, "isolate");
  }

  override leave(): void {
    super.leave();
    this.host.light.set(this.name, []);
  }

  render(): void {
    const { viewer, pointing } = this.host;
    const networks = (layerInfo(viewer, "pipes")?.legend ?? []).filter(({ value }) => value !== null);
    this.#network ||= networks[0]?.value ?? "water";
    const choice = h("select", { class: "input", name: "network" }, ...networks.map(({ value, label }) => h("option", { value, selected: value === this.#network }, titleOf(label, value!))));
    choice.addEventListener("change", () => {
      this.#network = choice.value;
      this.#unusable = [];
      if (this.#place) void this.ask();
    });
    const place = new PlaceField(viewer, pointing, "isolate", t("isolate_place"), this.#place, (chosen) => {
      this.#place = chosen;
      this.#unusable = [];
      if (chosen) void this.ask();
      else this.#forget();
    });
    this.element.replaceChildren(h("p", { class: "muted small-text" }, t("isolate_hint")),
      h("div", { class: "command-form" }, h("label", { class: "field" }, t("isolate_network"), choice), place.element), this.results);
    this.fill();
  }

  #forget(): void {
    this.asking.forget();
    this.#next.forget();
    this.leave();
  }

  /** A pipe or node that was chosen is meant itself; of anything else the place. */
  #from(): string {
    const { object, layer, position } = this.#place!;
    if (object === undefined || !OF_NETWORKS.includes(layer ?? "")) return position.join(",");
    return `id:${object}`;
  }

  protected async ask(): Promise<void> {
    if (!this.#place) return;
    const [network, from, unusable] = [this.#network, this.#from(), this.#unusable];
    this.#next.forget();
    const answer = await this.asking.ask((signal) => command.isolate(network, from, unusable, signal));
    this.draw();
    if (!answer) return;
    this.offer(answer.receipt);
    this.host.viewer.flyTo({ bounds: boundsOf(answer.isolated.pipes.map(({ geometry }) => geometry ?? null)) }, 17);
    await this.#next.ask((signal) => command.cascade(network, from, unusable, signal));
  }

  protected draw(): void {
    const answer = this.asking.answer;
    const { marks, light } = this.host;
    marks.set(this.name, answer ? isolationMarks(answer) : []);
    const of = (part: CutBuilding["part"]) => ({ ids: (answer?.buildings ?? []).filter((each) => each.part === part).map(({ id }) => id), color: PART_COLORS[part] });
    light.set(this.name, [of("isolated"), of("shadow")]);
  }

  protected told(answer: Isolation): (HTMLElement | string)[] {
    const { viewer } = this.host;
    const { cut_off: cut, buildings, critical } = answer;
    const valves = fold(`${t("isolate_valves")} (${answer.valves.length})`, () => [this.#valves(answer.valves)], true);
    const failed = answer.failed.length ? fold(`${t("isolate_stuck")} (${answer.failed.length})`, () => [objectList(viewer, answer.failed.map((each) => nodeRow(viewer, each)))], true, "fold warn") : null;
    const cutFold = buildings && fold(t("isolate_buildings"), () => [objectList(viewer, buildings.map(({ id, name, code, part, use }) =>
      ({ id, name: name ?? code, detail: [t(part === "isolated" ? "isolate_part" : "isolate_shadow"), use].filter(Boolean).join(" · ") })), typeof cut?.buildings === "number" ? cut.buildings : undefined)]);
    const places = critical && fold(`${t("isolate_critical")} (${critical.length})`, () => [objectList(viewer, critical.map(({ id, name, kind, longitude, latitude }) => ({ id, name, detail: kind, center: [longitude, latitude] })))], critical.length > 0);
    const pipes = fold(`${t("isolate_pipes")} (${number(answer.isolated.totals.pipes + (answer.shadow?.totals.pipes ?? 0), 0)})`, () => [
      this.#part("isolate_part", answer.isolated), answer.shadow ? this.#part("isolate_shadow", answer.shadow) : null]);
    const sources = answer.sources.to_shut.length ? fold(`${t("isolate_sources")} (${answer.sources.inside})`, () => [objectList(viewer, answer.sources.to_shut.map((each) => nodeRow(viewer, each)))], true, "fold warn") : null;
    const steps = fold(t("cascade"), () => [this.#steps], true);
    this.#fillSteps();
    return [
      figures(this.#figures(answer, { valves, cutFold, places, pipes })), legend(),
      answer.is_whole_part ? h("p", { class: "notice" }, t("isolate_whole")) : "",
      ...[failed, valves, sources, places, cutFold, pipes, steps].filter((each) => each !== null), receiptFold(viewer, answer.receipt),
    ];
  }

  #figures({ valves, cut_off: cut, isolated, shadow }: Isolation, at: { valves: Fold; cutFold: Fold | null; places: Fold | null; pipes: Fold }): Figure[] {
    const open = (target: Fold | null) => (target ? () => reveal(target) : undefined);
    const metres = isolated.totals.length_m + (shadow?.totals.length_m ?? 0);
    return [
      { key: "valves", value: number(valves.length, 0), label: t("isolate_valves"), open: open(at.valves) },
      { key: "buildings", value: tally(cut?.buildings), label: t("isolate_buildings"), open: open(at.cutFold) },
      { key: "customers", value: tally(cut?.households ?? cut?.units), label: t("isolate_customers"), open: open(at.cutFold) },
      { key: "hospitals", value: tally(cut?.hospitals), label: t("isolate_hospitals"), open: open(at.places), bad: Number(cut?.hospitals) > 0 },
      { key: "persons", value: tally(cut?.residents), label: t("cmd_persons"), open: open(at.cutFold) },
      { key: "length", value: length(metres), label: t("isolate_pipes"), open: open(at.pipes) },
    ];
  }

  #valves(valves: Valve[]): HTMLElement {
    if (!valves.length) return emptyState(t("isolate_no_valves"));
    return h("ul", { class: "links valves" }, ...valves.map((valve) => h("li", { class: "valve-line" },
      h("button", { type: "button", class: "row-button", "data-id": valve.id, onclick: () => this.host.viewer.select(valve.id, { center: [valve.longitude, valve.latitude] }) },
        h("span", { class: "grow ellipsis" }, valve.source_key ?? `#${valve.id}`),
        h("span", { class: "count" }, [word("valve_", valve.action ?? "close"), valve.is_next_out ? t("isolate_next_out") : "", valve.distance_m === null ? "" : length(valve.distance_m)].filter(Boolean).join(" · "))),
      h("button", { type: "button", class: "button small", title: t("isolate_is_stuck_hint"), "data-stuck": valve.id, onclick: () => this.#stuck(valve) }, t("isolate_is_stuck")))));
  }

  /** A valve that cannot be worked: the next ones out are looked for. */
  #stuck(valve: Valve): void {
    this.#unusable = [...this.#unusable, `id:${valve.id}`];
    void this.ask();
  }

  #part(title: "isolate_part" | "isolate_shadow", part: NetworkPart): HTMLElement {
    const rows: ListedObject[] = part.pipes.map(({ id, source_key: key, diameter_mm: mm, length_m: m, material }) =>
      ({ id, name: key, detail: [mm === null ? "" : `DN${number(mm, 0)}`, material, length(m)].filter(Boolean).join(" · ") }));
    return h("div", {}, h("h4", {}, `${t(title)} · ${number(part.totals.pipes, 0)} · ${length(part.totals.length_m)}`), objectList(this.host.viewer, rows, part.totals.pipes));
  }

  #fillSteps(): void {
    const answer = this.#next.answer;
    const told = this.#next.told(t("cascade_running"), t("cascade_failed"), () => void this.ask());
    this.#steps.replaceChildren(...told ? [told] : answer ? [this.#cascade(answer)] : []);
  }

  #cascade({ steps, receipt }: Cascade): HTMLElement {
    if (!steps.length) return emptyState(t("cascade_none"));
    return h("div", {}, h("ol", { class: "cascade", "data-steps": steps.length }, ...steps.map((step) => h("li", { "data-what": step.what }, this.#step(step)))), receiptFold(this.host.viewer, receipt));
  }

  #step({ what, count, network, reason, reason_code: code, cover_m, objects }: CascadeStep): HTMLElement {
    const { viewer } = this.host;
    const why = said(viewer, "cascade_why_", code ?? "", { network, cover_m }, reason);
    const title = h("span", { class: "grow log-line" }, h("span", {}, `${word("cascade_", what, what)} · ${number(count, 0)}`), h("span", { class: "muted small-text", title: why }, networkTitle(viewer, network)));
    return fold(title, () => [h("p", { class: "muted small-text" }, why), objectList(viewer, objects.map(({ id, name, code, source_key: key, kind, longitude, latitude }) =>
      ({ id, name: name ?? code ?? key ?? null, detail: kind ? legendTitle(viewer, "pipe_nodes", kind) : null, center: longitude === undefined ? null : [longitude, latitude!] })), count)]);
  }
}

const nodeRow = (viewer: Viewer, node: NetworkNode & { reason?: string; fault?: string | null }): ListedObject => ({
  id: node.id, name: node.name ?? node.source_key, detail: word("valve_fault_", node.reason ?? "", node.reason ?? legendTitle(viewer, "pipe_nodes", node.kind ?? "")), center: [node.longitude, node.latitude],
});

function legend(): HTMLElement {
  const entry = (color: string, text: string, cls = "line") => {
    const mark = h("span", { class: `swatch ${cls}`, "aria-hidden": "true" });
    mark.style.background = color;
    return h("li", {}, mark, text);
  };
  return h("ul", { class: "legend inline" }, entry(PART_COLORS.isolated, t("isolate_part")), entry(PART_COLORS.shadow, t("isolate_shadow")),
    entry(VALVE, t("isolate_valves"), "point"), entry(FAILED, t("isolate_stuck"), "point"));
}

function isolationMarks({ isolated, shadow, valves, failed, from }: Isolation): Mark[] {
  const lines = (part: NetworkPart | null, color: string): Mark[] => (part?.pipes ?? []).map(({ geometry }) => ({ geometry: geometry ?? null, color, width: 4 }));
  const point = ({ longitude, latitude }: { longitude: number; latitude: number }, color: string, radius: number): Mark =>
    ({ geometry: { type: "Point", coordinates: [longitude, latitude] }, color, radius });
  return [...lines(shadow, PART_COLORS.shadow), ...lines(isolated, PART_COLORS.isolated), ...valves.map((each) => point(each, VALVE, 6)), ...failed.map((each) => point(each, FAILED, 6)), point(from, "#ff8a00", 8)];
}
