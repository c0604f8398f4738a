/** A tool of the command page that asks the service one thing: its form, what it answers, what it draws on the map. */

import { h } from "../dom";
import { t } from "../i18n";
import type { CommandTool } from "../store";
import type { Receipt } from "../types";
import { Asking } from "./asking";
import type { CommandHost, CommandPart } from "./command_host";

export abstract class AskingTool<Answer> implements CommandPart {
  readonly element: HTMLElement;
  /** Below the form: that it is being asked, why it failed, or the answer. */
  protected readonly results = h("div", { class: "tool-answer" });
  protected readonly asking = new Asking<Answer>(() => this.fill());

  /** Its name is that of its marks too. */
  constructor(protected readonly host: CommandHost, protected readonly name: CommandTool) {
    this.element = h("div", { class: `tool ${name}` });
  }

  /** Makes the form anew, and calls fill(). */
  abstract render(): void;

  protected abstract ask(): Promise<void>;

  /** Draws the answer and what was chosen. */
  protected abstract draw(): void;

  protected abstract told(answer: Answer): (HTMLElement | string)[];

  enter(): void {
    this.render();
    this.draw();
  }

  leave(): void {
    this.host.marks.set(this.name, []);
  }

  protected fill(): void {
    const { answer } = this.asking;
    const state = this.asking.told(t(`${this.name}_running`), t(`${this.name}_failed`), () => void this.ask());
    this.results.replaceChildren(...state ? [state] : answer ? this.told(answer) : []);
  }

  /** Says what the question lacks. */
  protected refuse(reason: string): void {
    this.results.replaceChildren(h("p", { class: "form-error", role: "alert" }, reason));
  }

  /** What incidents can attach from now on. */
  protected offer(receipt: Receipt, title = t(`tool_${this.name}`)): void {
    this.host.viewer.analysis = { title, receipt };
  }
}
