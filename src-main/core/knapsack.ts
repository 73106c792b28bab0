/** @file Which parts fit into a number of bytes: 0/1 knapsack by dynamic programming. */

export interface KnapsackItem {
  /** Whole, positive. */
  bytes: number;
  /** What choosing it is worth; 0 or more. */
  value: number;
}

/** Steps into which a capacity is cut: sizes are rounded up by less than a 16 384th of it. */
const UNITS = 16_384;

/**
 * The choice with the largest total value among those that fill at least `least` of the capacity; when whole items cannot fill that
 * much, the fullest. Never takes more than the capacity. Exact up to the rounding of sizes (to 1/16 384 of the capacity); of equal
 * values the fuller one wins. O(items · 16 384).
 * @param capacity bytes, 0 or more
 * @param least fraction of the capacity, 0..1
 * @returns for each item whether it is chosen
 */
export function knapsack(items: readonly KnapsackItem[], capacity: number, least = 0): boolean[] {
  const total = items.reduce((sum, { bytes }) => sum + bytes, 0);
  if (total <= capacity) return items.map(() => true);
  const unit = Math.max(1, capacity / UNITS);
  const room = Math.floor(capacity / unit);
  const sizes = items.map(({ bytes }) => Math.ceil(bytes / unit));
  // best[u]: largest value with exactly u units; taken[i] says whether item i is in that choice.
  const best = new Float64Array(room + 1).fill(-Infinity);
  best[0] = 0;
  const taken = items.map((item, index) => {
    const mark = new Uint8Array(room + 1);
    const size = sizes[index] ?? 0;
    for (let units = room; units >= size; units--) {
      const candidate = (best[units - size] ?? -Infinity) + item.value;
      if (candidate > (best[units] ?? -Infinity)) {
        best[units] = candidate;
        mark[units] = 1;
      }
    }
    return mark;
  });
  const from = Math.ceil(least * room);
  const chosen = items.map(() => false);
  let units = bestFill(best, from, room) ?? fullestFill(best);
  for (let index = items.length - 1; index >= 0; index--) {
    if (taken[index]?.[units] !== 1) continue;
    chosen[index] = true;
    units -= sizes[index] ?? 0;
  }
  return chosen;
}

function bestFill(best: Float64Array, from: number, to: number): number | null {
  let found: number | null = null;
  for (let units = from; units <= to; units++) {
    const value = best[units] ?? -Infinity;
    if (value > -Infinity && (found === null || value >= (best[found] ?? -Infinity))) found = units;
  }
  return found;
}

function fullestFill(best: Float64Array): number {
  return best.findLastIndex((value) => value > -Infinity);
}
