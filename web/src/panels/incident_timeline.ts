/** The entries of an incident in the order of their time; an entry opens what it refers to. */

import type { TimelineEntry } from "../command_types";
import { emptyState, h } from "../dom";
import { dateTime } from "../format";
import { t, word } from "../i18n";
import type { Viewer } from "../viewer";

const KIND_COLORS: Record<string, string> = { note: "#1664d9", event: "#d92d20", zone: "#7b3fc4", analysis: "#0e8a7d", unit: "#ef8200", state: "#5c6b7a" };

/** The newest first. */
export function entryList(viewer: Viewer, entries: TimelineEntry[]): HTMLElement {
  if (!entries.length) return emptyState(t("incident_no_entries"));
  return h("ol", { class: "timeline-list" }, ...[...entries].reverse().map((entry) => line(viewer, entry)));
}

function line(viewer: Viewer, entry: TimelineEntry): HTMLElement {
  const dot = h("i", { class: "timeline-dot", "aria-hidden": "true" });
  dot.style.background = KIND_COLORS[entry.kind] ?? KIND_COLORS.state!;
  const isCorrected = Boolean(entry.corrected_by?.length);
  const open = opener(viewer, entry);
  const title = `${word("entry_", entry.kind, entry.kind)}${named(entry)}`;
  return h("li", { "data-kind": entry.kind, class: isCorrected ? "corrected" : "" }, dot,
    h("div", { class: "grow" },
      h("div", { class: "timeline-head" }, open ? h("button", { type: "button", class: "text-button", onclick: open }, title) : h("span", {}, title),
        h("time", { class: "muted small-text", datetime: entry.at, title: entry.recorded_at ? `${t("recorded_at")} ${dateTime(entry.recorded_at)}` : "" }, dateTime(entry.at))),
      said(entry) ? h("p", { class: "event-text" }, said(entry)) : null,
      h("div", { class: "muted small-text" }, [entry.by, entry.corrects ? t("entry_corrects") : "", isCorrected ? t("entry_corrected") : ""].filter(Boolean).join(" · "))));
}

/** What happened by itself is told by a code, what somebody wrote by their words. */
const said = ({ text, kind, origin }: TimelineEntry): string =>
  (!text ? "" : kind === "state" || origin === "log" ? word("step_", text, word("zone_action_", text, word("state_", text, text))) : text);

function named({ snapshot, ref }: TimelineEntry): string {
  const inner = snapshot?.properties as Record<string, unknown> | undefined;
  const summary = snapshot?.summary as Record<string, unknown> | undefined;
  const name = snapshot?.title ?? snapshot?.name ?? inner?.name ?? inner?.title ?? summary?.title;
  if (typeof name === "string" && name) return ` · ${name}`;
  return typeof ref === "number" || (typeof ref === "string" && ref.length < 24) ? ` · ${ref}` : "";
}

function opener(viewer: Viewer, { kind, ref }: TimelineEntry): (() => void) | null {
  const id = Number(ref);
  if (kind === "event" && id > 0) return () => viewer.openEvent(id);
  if (kind === "zone" && id > 0) return () => viewer.store.set("storedZone", id);
  if (kind === "unit" && typeof ref === "string") return () => viewer.store.set("unit", ref);
  return null;
}
