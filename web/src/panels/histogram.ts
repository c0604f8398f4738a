/** Bars of a day: how many events began in each half hour, by severity, the worst at the bottom. */

import { number } from "../format";
import { t } from "../i18n";
import { BIN_MS, binned, type Day } from "../live/day";
import { SEVERITIES } from "../live/event_filter";
import { severityColor, severityTitle } from "../live/event_words";
import { hour } from "../live/hour";
import { svg, timeTicks } from "./chart_parts";

const WIDTH = 960;
const HEIGHT = 64;
const FOOT = 16;

/** From when to when a half hour is, and how many events began in it. */
export function binTitle(day: Day, bin: number, n: number): string {
  const begin = day.from + bin * BIN_MS;
  return t("day_bar", { from: hour(begin), to: hour(Math.min(day.to, begin + BIN_MS)), n });
}

/** open() is called with the half hour whose bar was chosen. */
export function histogram(day: Day, open: (bin: number) => void): SVGSVGElement {
  const bins = binned(day);
  const totals = bins.map((bin) => Object.values(bin).reduce((all, n) => all + n, 0));
  const most = Math.max(1, ...totals);
  const x = (time: number) => ((time - day.from) / (day.to - day.from)) * WIDTH;
  const step = x(day.from + BIN_MS);
  const chart = svg("svg", {
    class: "histogram", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "group",
    "aria-label": `${t("day_open")}: ${number(day.events.length, 0)}`, "data-events": day.events.length,
  });
  bins.forEach((bin, i) => {
    if (!totals[i]) return;
    const title = binTitle(day, i, totals[i]!);
    const group = svg("g", { class: "day-bin", "data-bin": i, "data-count": totals[i]!, role: "button", tabindex: 0, "aria-label": title });
    group.addEventListener("click", () => open(i));
    group.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" && event.key !== " ") return;
      event.preventDefault();
      open(i);
    });
    const told = SEVERITIES.filter((severity) => bin[severity]).map((severity) => `${severityTitle(severity)} ${bin[severity]}`);
    group.append(svg("title", {}, [title, ...told].join("\n")));
    // all of the height can be clicked: many bars are low
    group.append(svg("rect", { class: "day-reach", x: i * step, y: 0, width: step, height: HEIGHT - FOOT }));
    let bottom = HEIGHT - FOOT;
    for (const severity of SEVERITIES) {
      const tall = ((bin[severity] ?? 0) / most) * (HEIGHT - FOOT - 2);
      if (tall) group.append(svg("rect", { x: i * step + 1, y: (bottom -= tall), width: Math.max(1, step - 2), height: tall, fill: severityColor(severity) }));
    }
    chart.append(group);
  });
  chart.append(...timeTicks(day.from, day.to, 8).map((time) => svg("line", { class: "chart-grid", x1: x(time), x2: x(time), y1: 0, y2: HEIGHT - FOOT })));
  return chart;
}

/** The hours below the bars, as text that is not stretched with them. */
export function hours(day: Day): [number, string][] {
  return timeTicks(day.from, day.to, 8).map((time) => [(time - day.from) / (day.to - day.from), hour(time, new Date(time))]);
}
