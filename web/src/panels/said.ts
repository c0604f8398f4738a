/** What the service says in sentences, in the page's language where their codes are known; else as it says them. */

import { number, value } from "../format";
import { attributeTitle, sentence, t, titleOf } from "../i18n";
import type { Note } from "../types";
import { layerInfo, networkTitle, type Viewer } from "../viewer";

export function noteText(viewer: Viewer, { code, wording, message, values = {} }: Note): string {
  return said(viewer, "note_", wording ? `${code}_${wording}` : code, values, message);
}

/** prefix and code: the word; fallback: what the service says. */
export function said(viewer: Viewer, prefix: string, code: string, values: Record<string, unknown>, fallback: string): string {
  const told = Object.entries(values).map(([name, each]): [string, string] => [name, valueText(viewer, name, each)]);
  return sentence(prefix + code, Object.fromEntries(told)) ?? fallback;
}

function valueText(viewer: Viewer, name: string, each: unknown): string {
  const title = (id: string) => titleOf(layerInfo(viewer, id)?.title, id);
  if (name === "network") return networkTitle(viewer, String(each));
  if (Array.isArray(each)) return each.map((one) => (name === "layers" ? title(String(one)) : name === "networks" ? networkTitle(viewer, String(one)) : String(one))).join(t("list_comma"));
  if (each !== null && typeof each === "object") {
    return Object.entries(each as Record<string, number>).map(([key, part]) =>
      (name === "shares" ? `${title(key)} ${number(part * 100, 0)}%` : `${attributeTitle(key)} ${value(key, part)}`)).join(t("list_comma"));
  }
  return typeof each === "number" ? number(each) : value("", each);
}
