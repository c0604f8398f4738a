/** Numbers, dates and measures as people read them. */

import { language, t } from "./i18n";

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");

export function number(value: number, digits = 2): string {
  return value.toLocaleString(locale(), { maximumFractionDigits: digits });
}

/** Counts too long for a list's column: 12.3万 or 12.3K. */
export function compact(value: number): string {
  if (value < 10_000) return number(value, 0);
  return value.toLocaleString(locale(), { notation: "compact", maximumFractionDigits: 1 });
}

export function area(m2: number): string {
  return m2 >= 100_000 ? `${number(m2 / 1e6)} km²` : `${number(m2, 0)} m²`;
}

export function length(m: number): string {
  return m >= 1000 ? `${number(m / 1000)} km` : `${number(m, 1)} m`;
}

export function dateTime(text: string): string {
  const date = new Date(text);
  if (Number.isNaN(date.getTime())) return text;
  return date.toLocaleString(locale(), { dateStyle: "medium", timeStyle: "short" });
}

export function day(text: string): string {
  return text.slice(0, 10);
}

const UNITS: [RegExp, string][] = [
  [/_m2$/, "m²"], [/_m3$/, "m³"], [/_mm$/, "mm"], [/_km$/, "km"], [/_kmh$/, "km/h"], [/_deg$/, "°"], [/_m$/, "m"],
];

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d/;

/** One attribute's value, with the unit that its name carries unless its title has told it. */
export function value(name: string, raw: unknown, withUnit = true): string {
  if (raw === null || raw === undefined || raw === "") return t("empty_value");
  if (typeof raw === "boolean") return t(raw ? "true" : "false");
  if (typeof raw === "string") return TIME.test(raw) ? dateTime(raw) : raw;
  if (typeof raw === "number") {
    const unit = UNITS.find(([pattern]) => pattern.test(name))?.[1];
    // years and codes are not quantities: no thousands separator
    const text = unit || !Number.isInteger(raw) ? number(raw) : String(raw);
    return unit && withUnit ? `${text}${unit === "°" ? "" : "\u202f"}${unit}` : text;
  }
  return JSON.stringify(raw);
}

export function sum(name: string, raw: number): string {
  if (name.endsWith("_m2")) return area(raw);
  if (name.endsWith("_m")) return length(raw);
  return number(raw, 0);
}
