/** The panel on the right: one page for the zone, the object, the event and so on; a tab each when both are there. */

import { h, iconButton } from "../dom";
import { t, type Word } from "../i18n";

export type PageName = "inventory" | "object" | "model" | "now" | "event" | "seeing" | "day" | "group" | "unit" | "command";

interface Page {
  title: Word;
  body: HTMLElement;
  close: () => void;
}

export class SidePanel {
  readonly element = h("aside", { id: "side", class: "panel side", hidden: true, "aria-label": t("attributes") });
  #pages = new Map<PageName, Page>();
  #current: PageName | null = null;

  /** Shows a page, newly filled; close is called when the user closes it. */
  show(name: PageName, title: Word, body: HTMLElement, close: () => void, front = true): void {
    this.#pages.set(name, { title, body, close });
    if (front || !this.#current) this.#current = name;
    this.#render();
  }

  hide(name: PageName): void {
    if (!this.#pages.delete(name)) return;
    if (this.#current === name) this.#current = [...this.#pages.keys()][0] ?? null;
    this.#render();
  }

  get current(): PageName | null {
    return this.#current;
  }

  /** Closes the page in front; false when none is open. */
  closeCurrent(): boolean {
    const page = this.#current && this.#pages.get(this.#current);
    if (!page) return false;
    page.close();
    return true;
  }

  #render(): void {
    const page = this.#current && this.#pages.get(this.#current);
    this.element.hidden = !page;
    if (!page) {
      this.element.replaceChildren();
      return;
    }
    this.element.setAttribute("aria-label", t(page.title));
    this.element.replaceChildren(
      h("header", { class: "panel-head" }, this.#heading(page), iconButton("close", t("close"), () => this.closeCurrent())),
      page.body,
    );
  }

  #heading(page: Page): HTMLElement {
    if (this.#pages.size < 2) return h("h2", {}, t(page.title));
    const tabs = [...this.#pages].map(([name, each]) => h("button", {
      type: "button", role: "tab", class: "tab", "aria-selected": String(name === this.#current),
      onclick: () => {
        this.#current = name;
        this.#render();
        this.element.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
      },
    }, t(each.title)));
    return h("div", { class: "tabs", role: "tablist" }, ...tabs);
  }
}
