/** @file Which results nobody beats in both accuracy and bytes. Pure. */

export interface Tradeoff {
  /** 0..1, more is better. */
  accuracy: number;
  /** Less is better. */
  bytes: number;
}

/**
 * Positions of the points that no other point dominates (at least as good in both, better in one), by bytes ascending.
 * Of equal points the first counts.
 */
export function paretoFront(points: readonly Tradeoff[]): number[] {
  const order = points.map((_point, index) => index).sort((a, b) => compare(points[a], points[b]) || a - b);
  const front: number[] = [];
  let best = -Infinity;
  for (const index of order) {
    const point = points[index];
    if (point === undefined || point.accuracy <= best) continue;
    best = point.accuracy;
    front.push(index);
  }
  return front;
}

function compare(a: Tradeoff | undefined, b: Tradeoff | undefined): number {
  return (a?.bytes ?? 0) - (b?.bytes ?? 0) || (b?.accuracy ?? 0) - (a?.accuracy ?? 0);
}
