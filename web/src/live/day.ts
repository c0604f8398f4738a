/** The events of the last day, in the order in which they happened, for looking back at them. */

import type { CityEvent } from "../live_types";
import { readEvents } from "./event_book";

const DAY_MS = 86_400_000;
export const BIN_MS = 1_800_000;

export interface Day {
  from: number;
  to: number;
  /** The earliest first. */
  events: CityEvent[];
  /** Whether there are more than were read. */
  cut: boolean;
}

/** How many events of each severity (0: not known) began in each half hour. */
export type Bins = Record<number, number>[];

export async function readDay(now = Date.now()): Promise<Day> {
  const from = now - DAY_MS;
  const { events, cut } = await readEvents({ since: new Date(from).toISOString() });
  return { from, to: now, events: inOrder(events), cut };
}

const inOrder = (events: CityEvent[]): CityEvent[] => [...events].sort((a, b) => Date.parse(a.occurred_at) - Date.parse(b.occurred_at));

/** The day with events that have come or changed meanwhile; it ends later then. */
export function renewed(day: Day, news: CityEvent[], now = Date.now()): Day {
  const ids = new Set(news.map(({ id }) => id));
  const since = news.filter((event) => Date.parse(event.occurred_at) >= day.from && event.merged_into_id === null);
  return { ...day, to: now, events: inOrder([...day.events.filter(({ id }) => !ids.has(id)), ...since]) };
}

export const until = (day: Day, moment: number): CityEvent[] => day.events.filter((event) => Date.parse(event.occurred_at) <= moment);

/** The events that began in one of the half hours. */
export const inBin = (day: Day, bin: number): CityEvent[] => day.events.filter((event) => binOf(day, event) === bin);

const binsOf = ({ from, to }: Day): number => Math.max(1, Math.ceil((to - from) / BIN_MS));

const binOf = (day: Day, event: CityEvent): number => Math.min(binsOf(day) - 1, Math.floor((Date.parse(event.occurred_at) - day.from) / BIN_MS));

export function binned(day: Day): Bins {
  const bins: Bins = Array.from({ length: binsOf(day) }, () => ({}));
  for (const event of day.events) {
    const bin = bins[binOf(day, event)];
    if (!bin) continue;
    const severity = event.severity ?? 0;
    bin[severity] = (bin[severity] ?? 0) + 1;
  }
  return bins;
}
