/** What the service says in sentences, in the page's language where their codes are known; else as it says them. */

import { number, value } from "../format";
import { attributeTitle, sentence, t, titleOf, word } from "../i18n";
import type { Note } from "../types";
import { layerInfo, networkTitle, type Viewer } from "../viewer";

export function noteText(viewer: Viewer, { code, wording, message, values = {} }: Note): string {
  return said(viewer, "note_", wording ? `${code}_${wording}` : code, values, message);
}

/** prefix and code: the word; fallback: what the service says. */
export function said(viewer: Viewer, prefix: string, code: string, values: Record<string, unknown>, fallback: string): string {
  return known(viewer, prefix, code, values) ?? fallback;
}

/** The sentence; null where the code is not known. Without a viewer, ids stand for titles. */
export function known(viewer: Viewer | null, prefix: string, code: string, values: Record<string, unknown>): string | null {
  const told = Object.entries(values).map(([name, each]): [string, string] => [name, valueText(viewer, name, each)]);
  return sentence(prefix + code, Object.fromEntries(told));
}

/** Values that are words of the service, and under which prefix the viewer has them. */
const PREFIXES: Record<string, string> = {
  field: "asked_", fields: "asked_", role: "role_", allowed: "role_", action: "action_", what: "what_",
};

const wordText = (prefix: string, each: unknown) => word(prefix, String(each).replaceAll(".", "_"), String(each));

function valueText(viewer: Viewer | null, name: string, each: unknown): string {
  const title = (id: string) => (viewer && titleOf(layerInfo(viewer, id)?.title)) || id;
  const network = (id: string) => (viewer ? networkTitle(viewer, id) : id);
  const prefix = PREFIXES[name];
  if (prefix) return (Array.isArray(each) ? each : [each]).map((one) => wordText(prefix, one)).join(t("list_comma"));
  if (name === "network") return network(String(each));
  if (name === "layer") return title(String(each));
  // ids and versions are no quantities
  if (/(^|_)(id|version|sent)$/.test(name)) return String(each);
  if (Array.isArray(each)) return each.map((one) => (name === "layers" ? title(String(one)) : name === "networks" ? network(String(one)) : String(one))).join(t("list_comma"));
  if (name === "reason" && isReason(each)) return known(viewer, "error_", each.code ?? "", each.values ?? {}) ?? each.detail;
  if (each !== null && typeof each === "object") {
    return Object.entries(each as Record<string, number>).map(([key, part]) =>
      (name === "shares" ? `${title(key)} ${number(part * 100, 0)}%` : `${attributeTitle(key)} ${value(key, part)}`)).join(t("list_comma"));
  }
  return typeof each === "number" ? number(each) : value("", each);
}

/** What one error says of another, for whose sake it is. */
interface Reason {
  detail: string;
  code?: string | null;
  values?: Record<string, unknown>;
}

const isReason = (each: unknown): each is Reason => typeof (each as Reason | null)?.detail === "string";
