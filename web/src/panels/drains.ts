/** A storm in the drains, by the owner's own SWMM model: where water comes out, and which pipes are full. */

import { command } from "../command_api";
import type { Drainage } from "../command_types";
import { emptyState, fold, h } from "../dom";
import { compact, number } from "../format";
import { t } from "../i18n";
import { boundsOf, type Mark } from "../map/marks";
import { networkTitle, type Viewer } from "../viewer";
import { AskingTool } from "./asking_tool";
import type { CommandHost } from "./command_host";
import { figures, reveal } from "./figures";
import { objectList, type ListedObject } from "./object_list";
import { receiptFold } from "./receipt";
import { said } from "./said";

const WATER = "#145fa6";
const FULL = "#ef8200";
/** Networks that rain runs into. */
const NETWORKS = ["drainage", "sewer"];
const LEAST_PX = 4;
const MOST_PX = 16;

export class DrainsTool extends AskingTool<Drainage> {
  #network = NETWORKS[0]!;
  /** Empty: the rain of the model itself. */
  #mm = "";
  #hours = "2";

  constructor(host: CommandHost) {
    super(host, "drains");
  }

  render(): void {
    const choice = h("select", { class: "input", name: "network" }, ...NETWORKS.map((network) =>
      h("option", { value: network, selected: network === this.#network }, networkTitle(this.host.viewer, network))));
    choice.addEventListener("change", () => { this.#network = choice.value; });
    const field = (label: string, name: string, value: string, max: number, set: (value: string) => void) => {
      const input = h("input", { type: "number", class: "input", min: 0.1, max, step: 0.1, name, value });
      input.addEventListener("input", () => set(input.value));
      return h("label", { class: "field" }, label, input);
    };
    const form = h("form", { class: "command-form", novalidate: true }, h("label", { class: "field" }, t("isolate_network"), choice),
      h("div", { class: "field-pair" }, field(t("flood_mm"), "mm", this.#mm, 2000, (value) => { this.#mm = value; }), field(t("flood_hours"), "hours", this.#hours, 24, (value) => { this.#hours = value; })),
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "drains-run" }, t("drains_run"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask();
    });
    this.element.replaceChildren(h("p", { class: "muted small-text" }, t("drains_hint")), form, this.results);
    this.fill();
  }

  protected async ask(): Promise<void> {
    const rain = { mm: Number(this.#mm), hours: Number(this.#hours) };
    const answer = await this.asking.ask((signal) => command.drainage(this.#network, this.#mm === "" ? {} : { rain }, signal));
    this.draw();
    if (answer?.state !== "computed") return;
    this.offer(answer.receipt);
    this.host.viewer.flyTo({ bounds: boundsOf(answer.nodes.features.features.map(({ geometry }) => geometry)) }, 17);
  }

  protected draw(): void {
    const { answer } = this.asking;
    this.host.marks.set(this.name, answer?.state === "computed" ? drainMarks(answer) : []);
  }

  protected told(answer: Drainage): HTMLElement[] {
    const { viewer } = this.host;
    if (answer.state !== "computed") return notComputed(viewer, answer);
    const { nodes, pipes, continuity } = answer;
    const row = ({ id, properties }: (typeof nodes.features.features)[number], detail: string): ListedObject => ({ id: Number(id), name: properties.name ?? properties.source_key ?? null, detail });
    const flooded = fold(`${t("drains_nodes")} (${number(nodes.flooded, 0)})`, () => [objectList(viewer, nodes.features.features.map((each) =>
      row(each, `${number(each.properties.volume_m3 ?? 0, 1)} m³`)), nodes.flooded)], true);
    const full = fold(`${t("drains_pipes")} (${number(pipes.surcharged, 0)})`, () => [objectList(viewer, pipes.features.features.map((each) =>
      row(each, each.properties.surcharged_hours === undefined ? "" : `${number(each.properties.surcharged_hours, 1)} h`)), pipes.surcharged)]);
    return [
      figures([
        { key: "nodes", value: number(nodes.flooded, 0), label: t("drains_nodes"), open: () => reveal(flooded) },
        { key: "volume", value: `${compact(Math.round(nodes.volume_m3))} m³`, label: t("flood_volume"), open: () => reveal(flooded) },
        { key: "pipes", value: number(pipes.surcharged, 0), label: t("drains_pipes"), open: () => reveal(full) },
      ]),
      h("p", { class: "muted small-text" }, `${answer.engine} · ${t("drains_error", { runoff: number(continuity.runoff), routing: number(continuity.routing) })}`),
      flooded, full, receiptFold(viewer, answer.receipt),
    ];
  }
}

function notComputed(viewer: Viewer, { reason, reason_code: code = "", reason_values: values = {}, remedy }: Extract<Drainage, { state: "not_available" }>): HTMLElement[] {
  const told = [said(viewer, "drains_why_", code, values, reason), said(viewer, "drains_remedy_", code, values, remedy)];
  return [emptyState(t("drains_no_model")), ...told.map((each) => h("p", { class: "muted small-text" }, each))];
}

/** A node's dot has the area of what came out of it. */
function drainMarks({ nodes, pipes }: Extract<Drainage, { state: "computed" }>): Mark[] {
  const most = Math.max(1, ...nodes.features.features.map(({ properties }) => properties.volume_m3 ?? 0));
  return [
    ...pipes.features.features.map(({ geometry }): Mark => ({ geometry, color: FULL, width: 4 })),
    ...nodes.features.features.map(({ geometry, properties }): Mark => ({ geometry, color: WATER, radius: LEAST_PX + (MOST_PX - LEAST_PX) * Math.sqrt((properties.volume_m3 ?? 0) / most) })),
  ];
}
