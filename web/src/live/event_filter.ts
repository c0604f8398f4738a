/** Which of the open events are listed and drawn, and how the address says so. */

import { STATES, type CityEvent, type EventState } from "../live_types";
import { isOverdue } from "./event_book";

export interface EventFilter {
  severity: number | null;
  state: EventState | null;
  /** A type's code. */
  type: string | null;
  overdue: boolean;
}

export const EVERYTHING: EventFilter = { severity: null, state: null, type: null, overdue: false };
/** Worst first; 0 stands for events of which nobody said how bad they are. */
export const SEVERITIES = [1, 2, 3, 4, 0] as const;

export function fits(event: CityEvent, filter: EventFilter): boolean {
  return (filter.severity === null || (event.severity ?? 0) === filter.severity)
    && (filter.state === null || event.state === filter.state)
    && (filter.type === null || event.type_code === filter.type)
    && (!filter.overdue || isOverdue(event));
}

/** "all", or what is wanted with a dot between: 2.handle.tP0101.late */
export function formatFilter({ severity, state, type, overdue }: EventFilter): string {
  const parts = [severity === null ? "" : String(severity), state ?? "", type === null ? "" : `t${type}`, overdue ? "late" : ""];
  return parts.filter(Boolean).join(".") || "all";
}

const isState = (text: string): text is EventState => (STATES as readonly string[]).includes(text);

export function parseFilter(text: string | null): EventFilter | null {
  if (!text) return null;
  const found = { ...EVERYTHING };
  for (const part of text.split(".")) {
    if (/^[0-4]$/.test(part)) found.severity = Number(part);
    else if (isState(part)) found.state = part;
    else if (/^t[A-Z]\w+$/.test(part)) found.type = part.slice(1);
    else if (part === "late") found.overdue = true;
  }
  return found;
}
