/** What an answer rests on: which data, how old, how exact; and whether the same question still has the same answer. */

import { command } from "../command_api";
import type { Rerun } from "../command_types";
import { fold, h } from "../dom";
import { dateTime, day, number } from "../format";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import type { Receipt, ReceiptDataset } from "../types";
import { layerInfo, type Viewer } from "../viewer";
import { isMissing, reasonOf } from "./failure";
import { noteText } from "./said";

const NO_DATA = "no_data";
/** Notes by which an answer is less than it seems; the others say how it was reckoned. */
const WARNINGS = new Set(["ballpark", NO_DATA, "stale", "clipped", "small_counts", "partial", "no_sources", "no_power", "edge", "voids", "coarser", "elsewhere"]);

export function receiptFold(viewer: Viewer, receipt: Receipt): HTMLElement {
  return fold(t("receipt"), () => [
    ...receipt.notes.filter(({ code }) => WARNINGS.has(code) && code !== NO_DATA).map((note) => h("p", { class: "notice", title: note.code }, icon("warning"), noteText(viewer, note))),
    gaps(viewer, receipt),
    h("ul", { class: "datasets" }, ...receipt.datasets.map(dataset)),
    h("dl", { class: "facts" },
      h("dt", {}, t("receipt_generated")), h("dd", {}, dateTime(receipt.generated_at)),
      h("dt", {}, t("receipt_hash")), h("dd", { class: "mono break" }, receipt.hash)),
    method(viewer, receipt),
    rerunPart(viewer, receipt),
  ], false, "fold receipt");
}

/** How it was reckoned. */
function method(viewer: Viewer, { notes }: Receipt): HTMLElement | null {
  const told = notes.filter(({ code }) => !WARNINGS.has(code));
  return told.length ? h("ul", { class: "method muted small-text" }, ...told.map((note) => h("li", { title: note.code }, noteText(viewer, note)))) : null;
}

function age(each: ReceiptDataset): string {
  if (each.age_days === null) return t("receipt_age_unknown");
  const days = Math.floor(each.age_days);
  return days < 1 ? t("receipt_today") : t("receipt_age", { n: number(days, 0) });
}

function dataset(each: ReceiptDataset): HTMLElement {
  const facts = [
    each.crs, !each.accuracy_m ? null : `±${each.accuracy_m} m`, each.version_date && day(each.version_date),
  ].filter(Boolean);
  return h("li", {},
    h("div", { class: "layer-line" }, h("span", { class: "grow ellipsis", title: each.name }, each.name), h("span", { class: "count" }, age(each))),
    h("div", { class: "muted small-text" }, facts.join(" · ")),
    each.ballpark ? h("div", { class: "notice" }, icon("warning"), t("ballpark")) : null);
}

/** All of them: the note names the first few. */
function gaps(viewer: Viewer, receipt: Receipt): HTMLElement | null {
  const missing = Object.entries(receipt.layers).filter(([, each]) => each.state === "no_data").map(([id]) => titleOf(layerInfo(viewer, id)?.title, id));
  return missing.length ? h("p", { class: "notice", title: NO_DATA }, icon("warning"), t("note_no_data", { layers: missing.join(t("list_comma")) })) : null;
}

/** Asks the same again, of the data as they are now. */
function rerunPart(viewer: Viewer, { hash }: Receipt): HTMLElement {
  const told = h("div", { role: "status" });
  const button = h("button", { type: "button", class: "button", "data-rerun": hash, onclick: () => void again() }, icon("history"), t("rerun"));
  const again = async () => {
    button.disabled = true;
    try {
      told.replaceChildren(rerunAnswer(viewer, await command.rerun(hash)));
    } catch (error) {
      told.replaceChildren(h("p", { class: "form-error" }, isMissing(error) ? t("rerun_unknown") : reasonOf(error)));
    }
    button.disabled = false;
  };
  return h("div", { class: "rerun" }, button, told);
}

function rerunAnswer(viewer: Viewer, { holds, then, now, layers, differs }: Rerun): HTMLElement {
  const changed = layers.filter((each) => each.version_then !== each.version_now || each.found_then !== each.found_now);
  const count = (n: number | null) => (n === null ? "—" : number(n, 0));
  const rows = changed.map((each) => h("li", {}, h("span", { class: "grow ellipsis" }, titleOf(layerInfo(viewer, each.layer)?.title, each.layer)),
    h("span", { class: "count" }, each.found_then === each.found_now ? `v${each.version_then ?? "—"} → v${each.version_now ?? "—"}` : `${count(each.found_then)} → ${count(each.found_now)}`)));
  return h("div", { "data-holds": String(holds) },
    h("p", { class: `notice ${holds ? "good" : "bad"}` }, icon(holds ? "check" : "warning"), t(holds ? "rerun_holds" : "rerun_differs")),
    differs.length ? h("p", { class: "small-text" }, t("rerun_parts", { parts: differs.join(", ") })) : null,
    rows.length ? h("ul", { class: "rerun-layers" }, ...rows) : null,
    h("p", { class: "muted small-text" }, `${dateTime(then.at)} → ${dateTime(now.at)}`));
}
