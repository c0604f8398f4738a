/** Building elements: text is always text (never parsed as HTML), so no data can become markup. */

import { t } from "./i18n";
import { icon, type IconName } from "./icons";

type Child = Node | string | number | null | undefined | false;
type Props = Record<string, string | number | boolean | null | undefined | ((event: never) => void)>;

/** An element; on* props are listeners, true sets an empty attribute, null and false leave it out. */
export function h<K extends keyof HTMLElementTagNameMap>(
  tag: K, props: Props = {}, ...children: Child[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name.slice(2), value as EventListener);
    else element.setAttribute(name, value === true ? "" : String(value));
  }
  element.append(...children.filter((child) => child !== null && child !== undefined && child !== false).map(
    (child) => (child instanceof Node ? child : String(child)),
  ));
  return element;
}

export function iconButton(
  name: IconName, label: string, onclick: (event: MouseEvent) => void, props: Props = {},
): HTMLButtonElement {
  const button = h("button", { type: "button", class: "icon-button", title: label, "aria-label": label, onclick, ...props });
  button.append(icon(name));
  return button;
}

export function spinner(text: string): HTMLElement {
  return h("div", { class: "state", role: "status" }, h("span", { class: "spinner", "aria-hidden": "true" }), text);
}

export function emptyState(text: string): HTMLElement {
  return h("div", { class: "state muted" }, text);
}

export function errorState(title: string, detail: string, retry?: () => void): HTMLElement {
  return h(
    "div", { class: "state error", role: "alert" },
    h("strong", {}, title), detail && h("span", {}, detail),
    retry && h("button", { type: "button", class: "button", onclick: retry }, t("retry")),
  );
}

/** A section that can be folded; its body is built when it is first opened. */
export function fold(title: Child, build: () => Child[], open = false, cls = "fold"): HTMLDetailsElement {
  const content = h("div", { class: "fold-body" });
  const details = h("details", { class: cls }, h("summary", {}, icon("chevron"), title), content);
  const fill = () => {
    if (details.open && !content.hasChildNodes()) {
      content.append(...build().filter((child) => child instanceof Node || typeof child === "string") as (Node | string)[]);
    }
  };
  details.addEventListener("toggle", fill);
  details.open = open;
  fill();
  return details;
}
