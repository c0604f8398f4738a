/** What models hold, asked for once each. */

import { api } from "../api";
import type { ModelSummary } from "../types";

const known = new Map<number, Promise<ModelSummary>>();

export function summaryOf(model: number): Promise<ModelSummary> {
  const asked = known.get(model) ?? api.modelSummary(model);
  known.set(model, asked);
  // what failed is asked for again the next time
  asked.catch(() => known.delete(model));
  return asked;
}

/** Models have changed: what was known of them no longer holds. */
export function forgetSummaries(): void {
  known.clear();
}
