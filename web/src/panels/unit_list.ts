/** All mobile units by name, with what they are and how old their positions are. */

import { h } from "../dom";
import { t } from "../i18n";
import { span } from "../live/event_words";
import { isStale } from "../live/unit_book";
import { unitKind, unitState } from "../live/unit_words";
import type { Unit } from "../live_types";
import type { Viewer } from "../viewer";

const SHOWN = 200;

export function unitList(viewer: Viewer): HTMLElement {
  const named = [...viewer.units.all.values()].sort((a, b) => (a.name ?? a.code).localeCompare(b.name ?? b.code));
  const list = h("ul", { class: "model-list unit-list" }, ...named.slice(0, SHOWN).map((unit) => h("li", {}, row(viewer, unit))));
  const rest = named.slice(SHOWN);
  if (rest.length) {
    const more = h("li", {}, h("button", {
      type: "button", class: "button wide", onclick: () => more.replaceWith(...rest.map((unit) => h("li", {}, row(viewer, unit)))),
    }, t("now_more", { n: rest.length })));
    list.append(more);
  }
  return list;
}

function row(viewer: Viewer, unit: Unit): HTMLElement {
  const open = () => {
    viewer.store.set("unit", unit.code);
    viewer.flyTo({ center: unit.at });
  };
  return h("button", { type: "button", class: `row-button ${isStale(unit) ? "off" : ""}`, "data-unit": unit.code, onclick: open },
    h("span", { class: "grow ellipsis" }, unit.name ?? unit.code),
    h("span", { class: "count" }, [unitKind(unit.kind), unit.state ? unitState(unit.state) : "", t("ago", { span: span(Date.now() - unit.time) })].filter(Boolean).join(" · ")));
}
