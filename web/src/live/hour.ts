/** Times of day as the live city's panels write them. */

import { language } from "../i18n";

const locale = () => (language() === "zh" ? "zh-CN" : "en-GB");

/** 14:05, or with the day before it where that is not today: 03/01 14:05. */
export function hour(time: string | number, now = new Date()): string {
  const date = new Date(time);
  const clock = date.toLocaleTimeString(locale(), { hour: "2-digit", minute: "2-digit" });
  if (date.toDateString() === now.toDateString()) return clock;
  return `${date.toLocaleDateString(locale(), { month: "2-digit", day: "2-digit" })} ${clock}`;
}
