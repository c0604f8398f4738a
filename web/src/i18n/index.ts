/** The current language's words, and titles that the service gives in several languages. */

import type { Lang, Title } from "../types";
import { en } from "./en";
import { attributeNames } from "./attributes";
import { zh, type Words } from "./zh";

export type Word = keyof Words;

let current: Lang = "zh";

export function setLanguage(lang: Lang): void {
  current = lang;
  document.documentElement.lang = lang === "zh" ? "zh-CN" : "en";
}

export const language = (): Lang => current;

const PLACE = /\{(\w+)\}/g;

/** A word of the viewer; {name} is replaced by values.name. */
export function t(word: Word, values: Record<string, string | number> = {}): string {
  const text = (current === "zh" ? zh : en)[word];
  return text.replace(PLACE, (whole, name: string) => String(values[name] ?? whole));
}

/** A sentence that may not be known; null then, and where it wants a value that is not there. */
export function sentence(key: string, values: Record<string, string>): string | null {
  const text = Object.hasOwn(zh, key) ? (current === "zh" ? zh : en)[key as Word] : null;
  if (text === null || [...text.matchAll(PLACE)].some(([, name]) => values[name!] === undefined)) return null;
  return t(key as Word, values);
}

/** A word that may not be known (a link's rel, a sum's name): the fallback then. */
export function word(prefix: string, name: string, fallback = name): string {
  const key = (prefix + name) as Word;
  return key in zh ? t(key) : fallback;
}

export function titleOf(title: Title | null | undefined, fallback = ""): string {
  return title?.[current] || title?.zh || title?.en || fallback;
}

/** The name of an attribute where the catalogue gives none. */
export function attributeTitle(name: string): string {
  return attributeNames[name]?.[current === "zh" ? 0 : 1] ?? name;
}

const ORDER = Object.keys(attributeNames);

/** The place of an attribute in a table: what people look for first, first; what is not known, last. */
export function attributeRank(name: string): number {
  const place = ORDER.indexOf(name);
  return place < 0 ? ORDER.length : place;
}
