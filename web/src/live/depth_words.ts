/** Depths of water: their bands, and a ramp of blues that is read on light and dark maps. */

/** Metres from which each colour holds. */
const RAMP: [number, string][] = [[0, "#bfe0f7"], [0.15, "#8cc7ef"], [0.3, "#56a8e0"], [0.6, "#2c84c9"], [1, "#145fa6"], [2, "#0b3c75"]];

export function depthColor(fromM: number): string {
  return [...RAMP].reverse().find(([from]) => fromM >= from)?.[1] ?? RAMP[0]![1];
}
