/** Who works at this screen: asked once, kept on the machine, sent with whatever is changed. */

import { h } from "../dom";
import { t } from "../i18n";

const NAME_KEY = "cim-operator";
const LONGEST = 100;

export const operator = (): string => localStorage.getItem(NAME_KEY) ?? "";

export function rememberOperator(name: string): void {
  localStorage.setItem(NAME_KEY, name);
}

export interface OperatorField {
  element: HTMLElement;
  input: HTMLInputElement;
  /** Brings it in step with the language, and with the name where none was written here. */
  refresh: () => HTMLElement;
}

/** The field for it. */
export function operatorField(): OperatorField {
  const input = h("input", { type: "text", class: "input", required: true, maxlength: LONGEST, name: "by", value: operator(), autocomplete: "name" });
  input.addEventListener("change", () => rememberOperator(input.value.trim()));
  const title = h("span", {});
  const element = h("label", { class: "field" }, title, input);
  const refresh = () => {
    title.textContent = t("cmd_by");
    input.value ||= operator();
    return element;
  };
  refresh();
  return { element, input, refresh };
}
