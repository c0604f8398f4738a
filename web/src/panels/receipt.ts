/** What an answer rests on: which data, how old, how exact, and a hash to run it again. */

import { fold, h } from "../dom";
import { dateTime, day, number } from "../format";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import type { Receipt, ReceiptDataset } from "../types";
import { layerInfo, type Viewer } from "../viewer";

export function receiptFold(viewer: Viewer, receipt: Receipt): HTMLElement {
  return fold(t("receipt"), () => [
    ...receipt.notes.map((note) => h("p", { class: "notice", title: note.code }, icon("warning"), note.message)),
    h("ul", { class: "datasets" }, ...receipt.datasets.map(dataset)),
    gaps(viewer, receipt),
    h("dl", { class: "facts" },
      h("dt", {}, t("receipt_generated")), h("dd", {}, dateTime(receipt.generated_at)),
      h("dt", {}, t("receipt_hash")), h("dd", { class: "mono break" }, receipt.hash)),
  ], false, "fold receipt");
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

function gaps(viewer: Viewer, receipt: Receipt): HTMLElement | null {
  const missing = Object.entries(receipt.layers).filter(([, each]) => each.state === "no_data").map(([id]) => titleOf(layerInfo(viewer, id)?.title, id));
  return missing.length ? h("p", { class: "muted small-text" }, `${t("no_data_layers")}: ${missing.join("、")}`) : null;
}
