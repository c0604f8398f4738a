/** The bar at the top: name, search, scenes, live state, language, theme, sign out. */

import { api } from "../api";
import { h, iconButton } from "../dom";
import { t, titleOf } from "../i18n";
import { icon } from "../icons";
import type { LiveState } from "../live";
import type { Session } from "../types";
import type { Viewer } from "../viewer";
import type { SearchBox } from "./search";

export class TopBar {
  readonly element = h("header", { class: "topbar" });
  #live: LiveState = "wait";

  constructor(private readonly viewer: Viewer, private readonly search: SearchBox, private readonly session: Session | null, private readonly showKeys: () => void) {
    this.render();
    viewer.store.watch(["lang", "theme"], () => this.render());
  }

  setLive(state: LiveState): void {
    this.#live = state;
    const mark = this.element.querySelector<HTMLElement>(".live");
    mark?.replaceWith(this.#liveMark());
  }

  render(): void {
    const { store, config } = this.viewer;
    const { lang, theme } = store.state;
    const title = titleOf(config.title, t("app_title"));
    document.title = title;
    this.element.replaceChildren(
      h("div", { class: "brand" }, h("img", { src: "/icon.svg", alt: "", width: 26, height: 26 }), h("h1", {}, title)),
      this.search.element,
      h("nav", { class: "topbar-actions" },
        this.#liveMark(),
        h("a", { class: "button ghost", href: "/scenes/overview.html", target: "_blank", rel: "noopener", id: "scenes" }, icon("scene"), h("span", {}, t("scenes"))),
        h("button", {
          type: "button", class: "button ghost", id: "language", title: t("language_label"), lang: lang === "zh" ? "en" : "zh-CN",
          onclick: () => store.set("lang", lang === "zh" ? "en" : "zh"),
        }, t("language")),
        iconButton(theme === "light" ? "moon" : "sun", t(theme === "light" ? "theme_dark" : "theme_light"),
          () => store.set("theme", theme === "light" ? "dark" : "light"), { id: "theme" }),
        iconButton("keys", t("keys"), this.showKeys, { id: "keys" }),
        this.session && !this.session.open ? iconButton("user", t("sign_out"), () => void this.#signOut()) : null),
    );
  }

  async #signOut(): Promise<void> {
    await api.signOut();
    location.reload();
  }

  #liveMark(): HTMLElement {
    const text = t(`live_${this.#live}`);
    return h("span", { class: `live ${this.#live}`, role: "status", title: text }, h("i", {}), h("span", { class: "live-text" }, text));
  }
}
