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

export function histogram(day: Day): SVGSVGElement {
  const bins = binned(day);
  const totals = bins.map((bin) => Object.values(bin).reduce((all, n) => all + n, 0));
  const most = Math.max(1, ...totals);
  const x = (time: number) => ((time - day.from) / (day.to - day.from)) * WIDTH;
  const step = x(day.from + BIN_MS);
  const chart = svg("svg", {
    class: "histogram", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", role: "img",
    "aria-label": `${t("day_open")}: ${number(day.events.length, 0)}`, "data-events": day.events.length,
  });
  bins.forEach((bin, i) => {
    if (!totals[i]) return;
    const group = svg("g", { "data-bin": i, "data-count": totals[i]! });
    const begin = day.from + i * BIN_MS;
    const told = SEVERITIES.filter((severity) => bin[severity]).map((severity) => `${severityTitle(severity)} ${bin[severity]}`);
    group.append(svg("title", {}, [t("day_bar", { from: hour(begin), to: hour(Math.min(day.to, begin + BIN_MS)), n: totals[i]! }), ...told].join("\n")));
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
