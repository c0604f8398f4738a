/** The command page: zones, the incident, tools; one tab of them in front. */

import { h } from "../dom";
import { t, type Word } from "../i18n";
import { COMMAND_TABS, type CommandTab, type CommandTool } from "../store";
import type { Position } from "../types";
import type { CommandHost, CommandPart } from "./command_host";
import { IncidentTab } from "./incident";
import type { SidePanel } from "./side";
import { ToolsTab } from "./tools_tab";
import { ZonesTab } from "./zones_tab";

const TITLES: Record<CommandTab, Word> = { zones: "zones", incident: "incident", tools: "cmd_tools" };

export class CommandPanel {
  readonly #body = h("div", { class: "panel-body command" });
  readonly #zones: ZonesTab;
  readonly #incident: IncidentTab;
  readonly #parts: Record<CommandTab, CommandPart>;
  #current: CommandTab | null = null;

  constructor(private readonly host: CommandHost, private readonly side: SidePanel) {
    this.#zones = new ZonesTab(host);
    this.#incident = new IncidentTab(host);
    this.#parts = { zones: this.#zones, incident: this.#incident, tools: new ToolsTab(host) };
    const { store } = host.viewer;
    store.watch(["command"], () => this.#follow(true));
    store.watch(["storedZone"], ({ storedZone }) => storedZone !== null && store.set("command", "zones"));
    store.watch(["incident"], ({ incident }) => incident !== null && store.set("command", "incident"));
    store.watch(["lang"], () => {
      if (!this.#current) return;
      this.#parts[this.#current].render();
      this.#follow(false);
    });
  }

  /** Opens what the address asked for; behind an object or event that it asked for too. */
  restore(): void {
    const { command, selection, event } = this.host.viewer.store.state;
    this.#zones.restore();
    if (!command) return;
    this.#follow(selection === null && event === null);
  }

  toggle(): void {
    const { store } = this.host.viewer;
    if (store.state.command && this.side.current !== "command") this.#follow(true);
    else store.set("command", store.state.command ? null : "zones");
  }

  tool(tool: CommandTool): void {
    const { store } = this.host.viewer;
    store.set("tool", tool);
    store.set("command", "tools");
    this.#follow(true);
  }

  keep(ring: Position[]): void {
    this.#open("zones");
    this.#zones.keep(ring);
  }

  demarcate(): void {
    this.#open("zones");
    this.#zones.demarcate();
  }

  /** News of the service about incidents. */
  hear(): void {
    this.#incident.hear();
  }

  #open(tab: CommandTab): void {
    this.host.viewer.store.set("command", tab);
    this.#follow(true);
  }

  #follow(front: boolean): void {
    const { store } = this.host.viewer;
    const { command: tab } = store.state;
    if (tab !== this.#current) {
      if (this.#current) this.#parts[this.#current].leave();
      this.#current = tab;
      if (tab) this.#parts[tab].enter();
    }
    if (!tab) {
      this.side.hide("command");
      return;
    }
    const scroll = this.#body.scrollTop;
    this.#body.replaceChildren(this.#tabs(tab), this.#parts[tab].element);
    this.#body.scrollTop = scroll;
    this.side.show("command", "command", this.#body, () => this.#close(), front);
  }

  #close(): void {
    const { store } = this.host.viewer;
    store.set("storedZone", null);
    store.set("incident", null);
    store.set("command", null);
  }

  #tabs(current: CommandTab): HTMLElement {
    const choose = (tab: CommandTab) => {
      this.host.viewer.store.set("command", tab);
      this.#body.querySelector<HTMLElement>('[role="tab"][aria-selected="true"]')?.focus();
    };
    return h("div", { class: "tabs command-tabs", role: "tablist", "aria-label": t("command") }, ...COMMAND_TABS.map((tab) => h("button", {
      type: "button", role: "tab", class: "tab", "aria-selected": String(tab === current), "data-tab": tab, onclick: () => choose(tab),
    }, t(TITLES[tab]))));
  }
}
