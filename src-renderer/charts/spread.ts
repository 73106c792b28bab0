/** @file Error bars of a scatter: half widths about a mark, cut where accuracy ends. Pure. */

export interface Spreading {
  /** 0..1 */
  accuracy: number;
  /** Half width; absent where there is no interval. */
  spread?: number;
}

/** From low to high, 0..1. */
export function accuracyRange({ accuracy, spread = 0 }: Spreading): [number, number] {
  return [Math.max(0, accuracy - spread), Math.min(1, accuracy + spread)];
}
