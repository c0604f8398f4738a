/** A curve of readings over time: axes, limits as lines, and the value under the pointer or the arrow keys. */

import { number } from "../format";
import { language, t } from "../i18n";
import { hour } from "../live/hour";
import type { Curve } from "../live/readings";
import { niceTicks, path, svg, timeTicks } from "./chart_parts";

const WIDTH = 336;
const HEIGHT = 170;
const LEFT = 44;
const RIGHT = 8;
const TOP = 10;
const BOTTOM = 24;
const PAD = 0.08;
const FEW = 48;

interface Scale {
  x: (time: number) => number;
  y: (value: number) => number;
}

export class SeriesChart {
  readonly element: SVGSVGElement;
  #cursor = svg("g", { class: "chart-cursor", visibility: "hidden" });
  #at = -1;
  #scale: Scale;

  constructor(private readonly curve: Curve) {
    const { from, to } = curve;
    const values = [...curve.points.flatMap(({ least, most }) => [least, most]), ...curve.limits.map(({ value }) => value)];
    const [least, most] = [Math.min(...values), Math.max(...values)];
    const pad = (most - least || Math.abs(most) || 1) * PAD;
    const [low, high] = [least - pad, most + pad];
    this.#scale = {
      x: (time) => LEFT + ((time - from) / (to - from)) * (WIDTH - LEFT - RIGHT),
      y: (value) => HEIGHT - BOTTOM - ((value - low) / (high - low)) * (HEIGHT - TOP - BOTTOM),
    };
    this.element = svg("svg", {
      class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, tabindex: 0, role: "img", "data-points": curve.points.length,
      "aria-label": `${t("sensor_series")}: ${number(least)} – ${number(most)} ${curve.unit}. ${t("sensor_hint")}`,
    });
    this.element.append(...this.#axes(low, high), ...this.#curve(), ...this.#limits(), this.#cursor);
    this.element.addEventListener("pointermove", (event) => this.#point(event));
    this.element.addEventListener("pointerleave", () => this.#show(-1));
    this.element.addEventListener("keydown", (event) => this.#key(event));
  }

  #axes(low: number, high: number): SVGElement[] {
    const { x, y } = this.#scale;
    const rows = niceTicks(low, high, 4).flatMap((value) => [
      svg("line", { class: "chart-grid", x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { class: "chart-text", x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, number(value)),
    ]);
    const columns = timeTicks(this.curve.from, this.curve.to, 4).map((time) =>
      svg("text", { class: "chart-text", x: x(time), y: HEIGHT - 7, "text-anchor": "middle" }, clock(time)));
    return [...rows, ...columns];
  }

  #curve(): SVGElement[] {
    const { x, y } = this.#scale;
    const { points } = this.curve;
    const band = [...points.map(({ time, most }) => [x(time), y(most)] as const), ...[...points].reverse().map(({ time, least }) => [x(time), y(least)] as const)];
    return [
      svg("path", { class: "chart-band", d: `${path(band)}Z` }),
      svg("path", { class: "chart-line", d: path(points.map(({ time, value }) => [x(time), y(value)] as const)) }),
      // a line of one reading, or of a few far apart, would not be seen
      ...(points.length > FEW ? [] : points.flatMap(({ time, value, least, most }) => [
        svg("line", { class: "chart-line", x1: x(time), x2: x(time), y1: y(least), y2: y(most) }),
        svg("circle", { class: "chart-dot", cx: x(time), cy: y(value), r: 2.6 }),
      ])),
    ];
  }

  #limits(): SVGElement[] {
    const { y } = this.#scale;
    return this.curve.limits.flatMap(({ value, direction }) => [
      svg("line", { class: "chart-limit", "data-limit": value, x1: LEFT, x2: WIDTH - RIGHT, y1: y(value), y2: y(value) }),
      svg("text", { class: "chart-text limit", x: LEFT + 4, y: y(value) - 3 }, `${t("threshold")} ${direction === "above" ? "≥" : "≤"} ${number(value)} ${this.curve.unit}`.trim()),
    ]);
  }

  #point(event: PointerEvent): void {
    const box = this.element.getBoundingClientRect();
    const x = ((event.clientX - box.left) / box.width) * WIDTH;
    let best = 0;
    const { points } = this.curve;
    const away = (i: number) => Math.abs(this.#scale.x(points[i]!.time) - x);
    points.forEach((_, i) => { if (away(i) < away(best)) best = i; });
    this.#show(best);
  }

  #key(event: KeyboardEvent): void {
    const last = this.curve.points.length - 1;
    const wanted = { ArrowLeft: Math.max(0, (this.#at < 0 ? last + 1 : this.#at) - 1), ArrowRight: Math.min(last, this.#at + 1), Home: 0, End: last }[event.key];
    if (wanted === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    this.#show(wanted);
  }

  #show(at: number): void {
    this.#at = at;
    const reading = this.curve.points[at];
    this.#cursor.setAttribute("visibility", reading ? "visible" : "hidden");
    if (!reading) return;
    const { x, y } = this.#scale;
    const left = x(reading.time) > WIDTH * 0.6;
    const told = `${hour(reading.time)}  ${number(reading.value)} ${this.curve.unit}`;
    this.#cursor.replaceChildren(
      svg("line", { class: "chart-grid strong", x1: x(reading.time), x2: x(reading.time), y1: TOP, y2: HEIGHT - BOTTOM }),
      svg("circle", { class: "chart-dot", cx: x(reading.time), cy: y(reading.value), r: 4 }),
      svg("text", { class: "chart-text told", x: x(reading.time) + (left ? -7 : 7), y: TOP + 8, "text-anchor": left ? "end" : "start", role: "status" }, told),
    );
  }
}

const clock = (time: number): string =>
  new Date(time).toLocaleTimeString(language() === "zh" ? "zh-CN" : "en-GB", { hour: "2-digit", minute: "2-digit" });
