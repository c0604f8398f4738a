/** What a sensor tells: its last value, whether it has fallen silent, and its curve of the last day. */

import { api } from "../api";
import { emptyState, errorState, h, spinner } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import { span } from "../live/event_words";
import { hour } from "../live/hour";
import { curveOf, type LastReadings, type Series } from "../live/readings";
import type { CityObject } from "../types";
import { isNotServed, reasonOf } from "./failure";
import { SeriesChart } from "./series_chart";

const POINTS = 200;
/** Readings that fill no more of the day are shown by themselves. */
const SHORT_PART = 0.1;

/** The section of a sensor's page, filled when the service has answered. */
export function sensorSection(sensor: CityObject): HTMLElement {
  const unit = typeof sensor.attributes.unit === "string" ? sensor.attributes.unit : "";
  const last = h("div", { class: "figures" });
  const box = h("div", { class: "sensor-series" }, spinner(t("loading")));
  const load = async () => {
    try {
      // thresholds are told to those who handle events only
      const [series, thresholds, all] = await Promise.all([readings(sensor.id), api.thresholds().catch(() => []), api.lastReadings().catch(() => null)]);
      if (all) last.replaceChildren(lastValue(sensor.id, unit, all));
      const curve = curveOf(series, unit, { id: sensor.id, kind: sensor.attributes.kind }, thresholds);
      box.replaceChildren(...(curve ? [h("h4", {}, t("sensor_series")), new SeriesChart(curve).element] : [emptyState(t("sensor_series_none"))]));
    } catch (error) {
      box.replaceChildren(isNotServed(error) ? emptyState(t("sensor_series_missing"))
        : errorState(t("sensor_failed"), reasonOf(error), () => void load()));
    }
  };
  void load();
  return h("section", { class: "sensor" }, last, box);
}

/** Of a sensor that tells seldom, or only since short, just the time in which it did: else all would lie in one spot. */
async function readings(id: number): Promise<Series> {
  const day = await api.series(id, POINTS);
  const [first, second] = day.buckets;
  const isShort = first && day.to && day.from && Date.parse(day.to) - Date.parse(first.time) < SHORT_PART * (Date.parse(day.to) - Date.parse(day.from));
  return isShort && (second || first.count > 1) ? api.series(id, POINTS, { from: first.time, to: day.to! }) : day;
}

function lastValue(id: number, unit: string, { id: ids, value, time, stale }: LastReadings): HTMLElement {
  const at = ids.indexOf(id);
  const [reading, seconds] = [value[at] ?? null, time[at] ?? null];
  const when = seconds === null ? "" : `${hour(seconds * 1000)} (${t("ago", { span: span(Date.now() - seconds * 1000) })})`;
  return h("div", { class: `figure ${stale[at] ? "warn" : ""}`, "data-stale": stale[at] ?? null },
    h("b", { "data-value": reading }, reading === null ? t("sensor_no_value") : `${number(reading)} ${unit}`),
    h("span", {}, [t("sensor_last"), when, stale[at] ? t("stale") : ""].filter(Boolean).join(" · ")));
}
