/** One question at a time to the service: the next one gives up the one before. */

import { errorState, spinner } from "../dom";
import { t } from "../i18n";
import { isNotServed, reasonOf } from "./failure";

export class Asking<T> {
  answer: T | null = null;
  #reason: unknown = null;
  #failed = false;
  #busy = false;
  #request: AbortController | null = null;

  constructor(private readonly onChange: () => void) {}

  get busy(): boolean {
    return this.#busy;
  }

  /** The answer, or null where it failed or another question came; what was answered before stays until then. */
  async ask(read: (signal: AbortSignal) => Promise<T>): Promise<T | null> {
    this.#request?.abort();
    const request = (this.#request = new AbortController());
    this.#busy = true;
    this.#failed = false;
    this.onChange();
    try {
      const answer = await read(request.signal);
      if (request.signal.aborted) return null;
      this.answer = answer;
    } catch (error) {
      if (request.signal.aborted) return null;
      this.answer = null;
      this.#failed = true;
      this.#reason = error;
    }
    this.#busy = false;
    this.onChange();
    return this.answer;
  }

  forget(): void {
    this.#request?.abort();
    this.answer = null;
    this.#failed = false;
    this.#busy = false;
    this.onChange();
  }

  /** What is said while it waits or when it failed; null where there is an answer or nothing was asked. */
  told(waiting: string, failed: string, retry: () => void): HTMLElement | null {
    if (this.#busy) return spinner(waiting);
    if (!this.#failed) return null;
    return errorState(failed, isNotServed(this.#reason) ? t("cmd_not_served") : reasonOf(this.#reason), retry);
  }
}
