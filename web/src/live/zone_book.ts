/** The stored zones, read once somebody wants them and anew when they have changed. */

import { command } from "../command_api";
import type { Zone } from "../command_types";

export class ZoneBook {
  zones: Zone[] = [];
  state: "idle" | "wait" | "read" | "failed" = "idle";
  reason: unknown = null;
  #listeners = new Set<() => void>();
  #asked = 0;

  watch(listener: () => void): void {
    this.#listeners.add(listener);
  }

  get(id: number): Zone | undefined {
    return this.zones.find((zone) => zone.id === id);
  }

  async load(): Promise<void> {
    const ask = (this.#asked += 1);
    if (this.state !== "read") this.state = "wait";
    try {
      const { features } = await command.zones();
      if (ask !== this.#asked) return;
      this.zones = features;
      this.state = "read";
    } catch (error) {
      if (ask !== this.#asked) return;
      this.reason = error;
      this.state = "failed";
    }
    for (const listener of this.#listeners) listener();
  }

  /** News of the service: the zones are read, again or at last. */
  hear(): void {
    void this.load();
  }
}
