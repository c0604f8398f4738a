/** What lies around an event, part by part; none is told from no data, and each part says how old it is. */

import { api } from "../api";
import { errorState, h, spinner } from "../dom";
import { t } from "../i18n";
import type { ContextPart, EventContext, EventFile } from "../live_types";
import type { Viewer } from "../viewer";
import { contextItem } from "./context_item";
import { contextPart } from "./context_part";
import { reasonOf } from "./failure";
import { seeingPart } from "./seeing_part";

/** In the order in which a commander asks. */
const PARTS = ["room", "building", "sensors", "cameras", "hazards", "help", "pipe_nodes", "pipes", "rivers", "cell", "events"] as const;
const OPENED = ["sensors"];

export class EventContextSection {
  readonly element = h("section", { class: "event-context" });
  #file: EventFile | null = null;
  #context: EventContext | null = null;
  #request: AbortController | null = null;

  /** onRead() is called when the context has come. */
  constructor(private readonly viewer: Viewer, private readonly onRead: () => void) {}

  /** What the building is called that the event is in, once that is known. */
  get buildingName(): string | null {
    const [building] = (this.#context?.building as ContextPart | undefined)?.items ?? [];
    const name = building?.name ?? building?.address;
    return typeof name === "string" ? name : null;
  }

  open(file: EventFile): void {
    this.#file = file;
    this.#context = null;
    void this.#load(file);
  }

  /** Draws what is known anew, in the present language. */
  render(): void {
    if (this.#context && this.#file) this.#show(this.#file, this.#context);
  }

  async #load(file: EventFile): Promise<void> {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.element.dataset.state = "wait";
    this.element.replaceChildren(spinner(t("loading")));
    try {
      const context = await api.eventContext(file.id, request.signal);
      if (request.signal.aborted) return;
      this.#context = context;
      this.#show(file, context);
      this.onRead();
    } catch (error) {
      if (request.signal.aborted) return;
      this.element.dataset.state = "failed";
      this.element.replaceChildren(errorState(t("context_failed"), reasonOf(error), () => void this.#load(file)));
    }
  }

  #show(file: EventFile, context: EventContext): void {
    const parts = PARTS.flatMap((name) => {
      const part = context[name] as ContextPart | undefined;
      return part ? [name === "cameras" ? seeingPart(this.viewer, file, part) : this.#part(name, part)] : [];
    });
    this.element.dataset.state = "read";
    this.element.replaceChildren(h("h4", {}, t("context")), ...parts);
  }

  #part(name: string, part: ContextPart): HTMLElement {
    return contextPart(name, part, OPENED.includes(name), () =>
      h("ul", { class: "links" }, ...part.items.map((item) => h("li", {}, contextItem(this.viewer, name, item)))));
  }
}
