/** What lies around an event, part by part; none is told from no data, and each part says how old it is. */

import { api } from "../api";
import { errorState, fold, h, spinner } from "../dom";
import { t, word } from "../i18n";
import { span } from "../live/event_words";
import type { ContextPart, EventContext, EventFile } from "../live_types";
import type { Viewer } from "../viewer";
import { contextItem } from "./context_item";
import { reasonOf } from "./failure";
import { seeingPart } from "./seeing_part";

/** In the order in which a commander asks. */
const PARTS = ["room", "building", "sensors", "hazards", "help", "pipe_nodes", "pipes", "rivers", "cell", "events"] as const;
const OPENED = ["sensors"];
/** The height of what is looked at where the event does not tell its own: somebody who stands there. */
const STANDING_M = 1.5;

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
      return part ? [this.#part(name, part)] : [];
    });
    const cameras = file.longitude === null ? [] : [seeingPart(this.viewer, [file.longitude, file.latitude!], file.height_m ?? STANDING_M)];
    this.element.dataset.state = "read";
    this.element.replaceChildren(h("h4", {}, t("context")), ...cameras, ...parts);
  }

  #part(name: string, part: ContextPart): HTMLElement {
    const isFound = part.state === "found";
    const title = h("span", { class: "grow part-title" }, word("part_", name));
    const mark = isFound ? h("b", { class: "count strong", "data-count": part.items.length }, part.items.length)
      : h("span", { class: `chip quiet part-${part.state}` }, word("context_", part.state));
    const section = fold(h("span", { class: "part-line" }, title, mark), () => [
      h("p", { class: "muted small-text" }, partNote(part)),
      isFound ? h("ul", { class: "links" }, ...part.items.map((item) => h("li", {}, contextItem(this.viewer, name, item)))) : null,
    ], isFound && OPENED.includes(name), "fold part");
    section.dataset.part = name;
    section.dataset.state = part.state;
    return section;
  }
}

/** Within which distance was looked, and the age of the oldest layer that it rests on. */
function partNote({ radius_m, layers }: ContextPart): string {
  const ages = layers.map(({ age_s }) => age_s).filter((age) => age !== null);
  return [
    radius_m === undefined ? "" : t("context_radius", { n: radius_m }),
    ages.length ? t("context_age", { span: span(Math.max(...ages) * 1000) }) : "",
  ].filter(Boolean).join(" · ");
}
