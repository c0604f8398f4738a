/** A list of objects that an answer names; a click opens one. */

import { emptyState, h } from "../dom";
import { number } from "../format";
import { t } from "../i18n";
import type { Viewer } from "../viewer";
import { receiptButton } from "./figures";

const SHOWN = 60;

export interface ListedObject {
  id: number;
  name: string | null;
  detail?: string | null;
  center?: [number, number] | null;
}

/** total: how many there are where not all are told. */
export function objectList(viewer: Viewer, rows: ListedObject[], total = rows.length): HTMLElement {
  if (!rows.length) return emptyState(t("cmd_none"));
  const list = h("ul", { class: "links" }, ...rows.slice(0, SHOWN).map((each) => row(viewer, each)));
  const box = h("div", { class: "item-list" }, list);
  const rest = rows.slice(SHOWN);
  if (rest.length) {
    const more = h("button", {
      type: "button", class: "button wide", onclick: () => { list.append(...rest.map((each) => row(viewer, each))); more.remove(); },
    }, t("inventory_show_all", { n: number(rows.length, 0) }));
    box.append(more);
  }
  const cut = total > rows.length ? h("span", { class: "muted small-text grow" }, t("inventory_shown", { n: number(rows.length, 0) })) : h("span", { class: "grow" });
  return h("div", {}, box, h("div", { class: "list-foot" }, cut, receiptButton()));
}

function row(viewer: Viewer, { id, name, detail, center }: ListedObject): HTMLElement {
  return h("li", {}, h("button", { type: "button", class: "row-button", "data-id": id, onclick: () => viewer.select(id, center ? { center } : undefined) },
    h("span", { class: "grow ellipsis" }, name || `${t("unnamed")} #${id}`),
    detail ? h("span", { class: "muted ellipsis item-detail", title: detail }, detail) : null));
}
