/** The way from one place to another, with roads closed by zones and water. */

import { command } from "../command_api";
import type { FloodWish, Profile, RouteAnswer } from "../command_types";
import { emptyState, fold, h } from "../dom";
import { length } from "../format";
import { sentence, t } from "../i18n";
import { icon } from "../icons";
import { span } from "../live/event_words";
import { boundsOf, type Mark } from "../map/marks";
import type { Viewer } from "../viewer";
import { AskingTool } from "./asking_tool";
import { Closures, profileChoice } from "./closures";
import type { CommandHost } from "./command_host";
import { figures, receiptButton, reveal } from "./figures";
import { PlaceField, type Place } from "./place_field";
import { receiptFold } from "./receipt";
import { said } from "./said";

const WAY = "#1664d9";
const END_COLORS = ["#16915a", "#6b3fb0", "#d92d20"] as const;
type End = "from" | "via" | "to";
const ENDS: readonly End[] = ["from", "via", "to"];

export class RouteTool extends AskingTool<RouteAnswer> {
  readonly #closures: Closures;
  #places: Record<End, Place | null> = { from: null, via: null, to: null };
  #profile: Profile = "car";

  constructor(host: CommandHost, flood: () => FloodWish | null) {
    super(host, "route");
    this.#closures = new Closures(host, flood, () => void this.ask());
  }

  render(): void {
    const { viewer, pointing } = this.host;
    const field = (end: End) => new PlaceField(viewer, pointing, `route-${end}`, t(`route_${end}`), this.#places[end], (place) => {
      this.#places[end] = place;
      this.draw();
      if (place || end === "via") void this.ask();
    }).element;
    this.#closures.render();
    const form = h("form", { class: "command-form", novalidate: true }, field("from"), field("to"),
      fold(t("route_via"), () => [field("via")], this.#places.via !== null),
      profileChoice(this.#profile, (profile) => { this.#profile = profile; void this.ask(); }), this.#closures.element,
      h("div", { class: "actions" }, h("button", { type: "submit", class: "button primary", id: "route-run" }, t("route_run"))));
    form.addEventListener("submit", (event) => {
      event.preventDefault();
      void this.ask(true);
    });
    this.element.replaceChildren(h("p", { class: "muted small-text" }, t("route_hint")), form, this.results);
    this.fill();
  }

  /** wanted: somebody pressed the button, so what is missing is said. */
  protected async ask(wanted = false): Promise<void> {
    const { from, via, to } = this.#places;
    if (!from || !to) {
      this.asking.forget();
      if (wanted) this.refuse(t("route_ends_missing"));
      return;
    }
    const closed = this.#closures.value;
    const answer = await this.asking.ask((signal) => command.route(
      { from: from.position, to: to.position, profile: this.#profile, ...(via && { via: [via.position] }), ...(closed && { closed }) }, signal));
    this.draw();
    if (!answer) return;
    this.offer(answer.receipt, `${t("tool_route")} ${answer.distance_m === null ? "" : length(answer.distance_m)}`);
    if (answer.geometry) this.host.viewer.flyTo({ bounds: boundsOf([answer.geometry]) }, 17);
  }

  protected draw(): void {
    const way = this.asking.answer?.geometry;
    const ends = ENDS.flatMap((end, i): Mark[] => {
      const place = this.#places[end];
      return place ? [{ geometry: { type: "Point", coordinates: place.position }, color: END_COLORS[i]!, radius: 8, label: t(`route_${end}`) }] : [];
    });
    this.host.marks.set(this.name, [...way ? [{ geometry: way, color: "#ffffff", width: 9 }, { geometry: way, color: WAY, width: 5.5 }] : [], ...ends]);
  }

  protected told(answer: RouteAnswer): HTMLElement[] {
    if (answer.distance_m === null || answer.seconds === null) return [unreachable(this.host.viewer, answer), receiptFold(this.host.viewer, answer.receipt)];
    const rows = answer.steps.map(({ name, distance_m: m, seconds }) => h("li", { "data-metres": m }, h("span", { class: "grow ellipsis" }, name ?? t("route_unnamed")), h("span", { class: "count" }, `${length(m)} · ${span(seconds * 1000)}`)));
    const steps = fold(`${t("route_steps")} (${rows.length})`, () => [rows.length ? h("ol", { class: "route-steps" }, ...rows) : emptyState(t("cmd_none")), h("div", { class: "list-foot" }, h("span", { class: "grow" }), receiptButton())], true);
    const open = () => reveal(steps);
    const closed = closedCount(answer.closed_edges);
    return [
      figures([
        { key: "seconds", value: span(answer.seconds * 1000), label: t("route_time"), open },
        { key: "distance", value: length(answer.distance_m), label: t("sum_length_m"), open },
        ...closed === null ? [] : [{ key: "closed", value: String(closed), label: t("closed_edges") }],
      ]), steps, receiptFold(this.host.viewer, answer.receipt),
    ];
  }
}

function unreachable(viewer: Viewer, { blocked }: RouteAnswer): HTMLElement {
  const by = (blocked?.closed_by ?? []).map(({ kind, id }) => sentence(`closure_${kind}`, { id: String(id ?? "") }) ?? kind);
  return h("div", { class: "notice bad", role: "alert" }, icon("warning"), h("span", {}, t(blocked?.reason === "closed" ? "route_closed" : "route_none"),
    blocked?.roads.length ? ` ${t("route_closed_roads", { roads: blocked.roads.join("、") })}` : "",
    blocked?.message ? h("small", { class: "muted" }, ` ${said(viewer, "route_why_", blocked.reason, { by }, blocked.message)}`) : null));
}

/** Closed edges come as a count or as a list. */
function closedCount(closed: unknown): number | null {
  if (typeof closed === "number") return closed;
  return Array.isArray(closed) ? closed.length : null;
}
