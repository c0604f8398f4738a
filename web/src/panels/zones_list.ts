/** The list of stored zones by kind; a click flies there and opens one. */

import type { Zone } from "../command_types";
import { emptyState, errorState, h, spinner } from "../dom";
import { area, number } from "../format";
import { t } from "../i18n";
import { icon } from "../icons";
import type { ZoneBook } from "../live/zone_book";
import { zoneColor, zoneKind } from "../live/zone_words";
import { boundsOf } from "../map/marks";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";
import { mayCommand, mayDraw } from "./rights";

const SHOWN = 200;

export function zonesList(viewer: Viewer, book: ZoneBook, start: { make: () => void; demarcate: () => void; log: () => void }): HTMLElement[] {
  const button = (id: string, label: string, name: "plus" | "target" | "history", onclick: () => void, cls = "") =>
    h("button", { type: "button", class: `button ${cls}`, id, onclick }, icon(name), label);
  const actions = h("div", { class: "actions wrap" },
    mayDraw(viewer) ? button("zone-new", t("zone_new"), "plus", start.make, "primary") : null,
    mayCommand(viewer) ? button("zone-demarcate", t("demarcate"), "target", start.demarcate) : null,
    button("zone-log", t("zone_log"), "history", start.log));
  return [actions, content(viewer, book)];
}

function content(viewer: Viewer, book: ZoneBook): HTMLElement {
  if (book.state === "failed") return errorState(t("zones_failed"), reasonOf(book.reason), () => void book.load());
  if (book.state !== "read") return spinner(t("loading"));
  if (!book.zones.length) return emptyState(t("zones_none"));
  const newest = [...book.zones].sort((a, b) => b.id - a.id);
  const list = h("ul", { class: "links zone-list", "data-zones": newest.length }, ...newest.slice(0, SHOWN).map((zone) => h("li", {}, row(viewer, zone))));
  const rest = newest.slice(SHOWN);
  if (rest.length) {
    const more = h("li", {}, h("button", { type: "button", class: "button wide", onclick: () => more.replaceWith(...rest.map((zone) => h("li", {}, row(viewer, zone)))) },
      t("inventory_show_all", { n: number(newest.length, 0) })));
    list.append(more);
  }
  return list;
}

/** Says by colour and word of what kind a zone is. */
export function zoneSwatch(kind: string | null): HTMLElement {
  const mark = h("span", { class: "swatch zone-swatch", "aria-hidden": "true" });
  mark.style.background = `color-mix(in srgb, ${zoneColor(kind)} 30%, transparent)`;
  mark.style.borderColor = zoneColor(kind);
  return mark;
}

function row(viewer: Viewer, zone: Zone): HTMLElement {
  const { name, kind, area_m2: size } = zone.properties;
  const open = () => {
    viewer.store.set("storedZone", zone.id);
    viewer.flyTo({ bounds: boundsOf([zone.geometry]) }, 17);
  };
  return h("button", { type: "button", class: "row-button", "data-zone": zone.id, onclick: open },
    zoneSwatch(kind), h("span", { class: "grow ellipsis" }, name ?? `${t("unnamed")} #${zone.id}`),
    h("span", { class: "count" }, [zoneKind(kind), size === null ? "" : area(size)].filter(Boolean).join(" · ")));
}
