/** One part of what lies around an event: how much there is, how old that is, and the list of it. */

import { fold, h } from "../dom";
import { t, word } from "../i18n";
import { span } from "../live/event_words";
import type { ContextPart } from "../live_types";

/** list() is called when the part is first opened and something was found. */
export function contextPart(name: string, part: ContextPart, isOpen: boolean, list: () => HTMLElement): HTMLDetailsElement {
  const isFound = part.state === "found";
  const count = part.count ?? part.items.length;
  const mark = isFound ? h("b", { class: "count strong", "data-count": count }, count)
    : h("span", { class: `chip quiet part-${part.state}` }, word("context_", part.state));
  const age = ageOf(part);
  const title = h("span", { class: "part-line" }, h("span", { class: "grow part-title" }, word("part_", name)),
    h("span", { class: "muted small-text part-age", "data-age": age }, age === null ? "" : t("ago", { span: span(age * 1000) })), mark);
  const section = fold(title, () => [h("p", { class: "muted small-text part-note" }, noteOf(name, part)), isFound ? list() : null], isFound && isOpen, "fold part");
  section.dataset.part = name;
  section.dataset.state = part.state;
  return section;
}

/** The age of the oldest layer that a part rests on, in seconds. */
function ageOf({ layers }: ContextPart): number | null {
  const ages = layers.map(({ age_s }) => age_s).filter((age) => age !== null);
  return ages.length ? Math.max(...ages) : null;
}

/** Where was looked, why there is nothing, and how old the data is. */
function noteOf(name: string, part: ContextPart): string {
  const { state, radius_m: radius, layers } = part;
  const age = ageOf(part);
  const where = radius === undefined ? "" : t("context_radius", { n: radius.toLocaleString() });
  const words: Partial<Record<ContextPart["state"], string>> = {
    none: name === "cameras" ? t("who_none") : radius === undefined ? t("context_none_told") : t("context_none_within", { where }),
    no_data: t("context_no_data_told"), not_visible: t("context_not_visible_told"), no_place: t("context_no_place_told"),
  };
  const said: (string | undefined)[] = [state === "found" ? where : words[state]];
  if (layers.length && state !== "no_data") said.push(age === null ? t("context_age_unknown") : t("context_age", { span: span(age * 1000) }));
  return said.filter(Boolean).join(" · ");
}
