/** The tools of the command page, one at a time. */

import { h } from "../dom";
import { t, type Word } from "../i18n";
import { COMMAND_TOOLS, type CommandTool } from "../store";
import type { CommandHost, CommandPart } from "./command_host";
import { DrainsTool } from "./drains";
import { FloodTool } from "./flood";
import { IsochroneTool } from "./isochrone";
import { IsolateTool } from "./isolate";
import { NearestTool } from "./nearest";
import { RouteTool } from "./routes";
import { segments } from "./segments";

const TITLES: Record<CommandTool, Word> = {
  isolate: "tool_isolate", flood: "tool_flood", drains: "tool_drains", route: "tool_route", isochrone: "tool_isochrone", nearest: "tool_nearest",
};

export class ToolsTab implements CommandPart {
  readonly element = h("div", { class: "tools-tab" });
  readonly #tools: Record<CommandTool, CommandPart>;
  #current: CommandTool | null = null;
  #isIn = false;

  constructor(private readonly host: CommandHost) {
    const flood = new FloodTool(host);
    this.#tools = {
      isolate: new IsolateTool(host), flood, drains: new DrainsTool(host), route: new RouteTool(host, () => flood.wish), isochrone: new IsochroneTool(host, () => flood.wish), nearest: new NearestTool(host),
    };
    host.viewer.store.watch(["tool"], () => this.#isIn && this.#follow());
  }

  enter(): void {
    this.#isIn = true;
    this.#follow();
  }

  leave(): void {
    this.#isIn = false;
    if (this.#current) this.#tools[this.#current].leave();
    this.#current = null;
    this.host.pointing.stop();
  }

  render(): void {
    if (this.#current) this.#tools[this.#current].render();
    this.#show();
  }

  #follow(): void {
    const { tool } = this.host.viewer.store.state;
    if (tool !== this.#current) {
      this.host.pointing.stop();
      if (this.#current) this.#tools[this.#current].leave();
      this.#current = tool;
      this.#tools[tool].enter();
    }
    this.#show();
  }

  #show(): void {
    const { store } = this.host.viewer;
    const choice = segments(t("cmd_tools"), COMMAND_TOOLS.map((tool) => [tool, t(TITLES[tool])]), (tool) => {
      store.set("tool", tool as CommandTool);
      this.element.querySelector<HTMLElement>(`[data-choice="${tool}"]`)?.focus();
    });
    choice.set(store.state.tool);
    this.element.replaceChildren(choice.element, this.#tools[store.state.tool].element);
  }
}
