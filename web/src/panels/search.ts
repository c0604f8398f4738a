/** The search box: results as one types, arrow keys to choose, Enter to go there. */

import { api } from "../api";
import { h, iconButton } from "../dom";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import type { SearchHit } from "../types";
import type { Viewer } from "../viewer";
import { reasonOf } from "./failure";

const WAIT_MS = 180;

export class SearchBox {
  readonly element = h("div", { class: "search", role: "search" });
  #input = h("input", {
    type: "text", id: "search", autocomplete: "off", spellcheck: "false", role: "combobox",
    "aria-expanded": "false", "aria-controls": "search-results", "aria-autocomplete": "list",
  });
  #list = h("ul", { id: "search-results", class: "results", role: "listbox", hidden: true });
  #clear = iconButton("close", t("clear"), () => this.clear(), { hidden: true, class: "icon-button small" });
  #hits: SearchHit[] = [];
  #active = -1;
  #timer = 0;
  #request: AbortController | null = null;

  constructor(private readonly viewer: Viewer) {
    this.element.append(icon("search"), this.#input, this.#clear, this.#list);
    this.#input.addEventListener("input", () => this.#typed());
    this.#input.addEventListener("keydown", (event) => this.#key(event));
    this.#input.addEventListener("focus", () => this.#hits.length && this.#open(true));
    this.element.addEventListener("focusout", (event) => {
      if (!this.element.contains(event.relatedTarget as Node | null)) this.#open(false);
    });
    this.render();
    viewer.store.watch(["lang"], () => this.render());
  }

  render(): void {
    this.#input.placeholder = t("search_hint");
    this.#input.setAttribute("aria-label", t("search"));
    this.#list.setAttribute("aria-label", t("search"));
    this.#clear.title = t("clear");
    this.#clear.setAttribute("aria-label", t("clear"));
  }

  focus(): void {
    this.#input.focus();
    this.#input.select();
  }

  clear(): void {
    this.#request?.abort();
    clearTimeout(this.#timer);
    this.#input.value = "";
    this.#hits = [];
    this.#clear.hidden = true;
    this.#open(false);
    this.#input.focus();
  }

  #open(open: boolean): void {
    this.#list.hidden = !open;
    this.#input.setAttribute("aria-expanded", String(open));
  }

  #typed(): void {
    clearTimeout(this.#timer);
    const query = this.#input.value.trim();
    this.#clear.hidden = this.#input.value === "";
    if (!query) {
      this.#request?.abort();
      this.#hits = [];
      this.#open(false);
      return;
    }
    this.#timer = window.setTimeout(() => void this.#ask(query), WAIT_MS);
  }

  async #ask(query: string): Promise<void> {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.element.classList.add("busy");
    try {
      this.#hits = await api.search(query, request.signal);
      this.#show(query);
    } catch (error) {
      if (request.signal.aborted) return;
      this.#hits = [];
      this.#message(t("search_failed"), reasonOf(error));
    } finally {
      if (request === this.#request) this.element.classList.remove("busy");
    }
  }

  #message(text: string, detail = ""): void {
    this.#list.replaceChildren(h("li", { class: "state muted", role: "status" }, text, detail && h("small", {}, detail)));
    this.#open(true);
  }

  #show(query: string): void {
    this.#active = -1;
    if (!this.#hits.length) {
      this.#message(t("search_none", { q: query }));
      return;
    }
    this.#list.replaceChildren(...this.#hits.map((hit, i) => h("li", {
      id: `search-hit-${i}`, role: "option", "aria-selected": "false", class: "hit", tabindex: -1, "data-id": hit.id,
      onclick: () => this.#choose(hit),
    },
    h("span", { class: "grow" }, h("span", { class: "hit-name ellipsis" }, hit.name), hit.detail ? h("span", { class: "muted ellipsis" }, hit.detail) : null),
    h("span", { class: "chip quiet" }, titleOf(hit.layer_title, hit.layer)))));
    this.#open(true);
  }

  #mark(index: number): void {
    const options = [...this.#list.querySelectorAll<HTMLElement>('[role="option"]')];
    if (!options.length) return;
    this.#active = (index + options.length) % options.length;
    options.forEach((option, i) => option.setAttribute("aria-selected", String(i === this.#active)));
    options[this.#active]!.scrollIntoView({ block: "nearest" });
    this.#input.setAttribute("aria-activedescendant", `search-hit-${this.#active}`);
  }

  #choose(hit: SearchHit): void {
    this.#open(false);
    this.#input.value = hit.name;
    this.#input.blur();
    this.viewer.select(hit.id, { bounds: hit.bounds, center: hit.center });
  }

  #key(event: KeyboardEvent): void {
    if (event.isComposing) return; // the Enter that ends Chinese input is not a choice
    const actions: Record<string, () => void> = {
      ArrowDown: () => this.#mark(this.#active + 1),
      ArrowUp: () => this.#mark(this.#active - 1),
      Enter: () => {
        const hit = this.#hits[Math.max(0, this.#active)];
        if (hit && !this.#list.hidden) this.#choose(hit);
      },
      Escape: () => (this.#list.hidden ? this.clear() : this.#open(false)),
    };
    const action = actions[event.key];
    if (!action) return;
    event.preventDefault();
    event.stopPropagation();
    action();
  }
}
