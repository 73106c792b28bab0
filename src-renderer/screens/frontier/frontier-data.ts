/** @file Arithmetic of the frontier: what is shown, what is proposed, what the front costs. Pure. */
import type { ComparePoint } from '../../../src-main/contract/studio/compare.ts';
import { chooseOnFront, paretoFront, summariseFront } from '../../../src-main/core/pareto.ts';

/** A result with the accuracy that results are chosen by, on validation pictures, 0..1. */
export interface Candidate extends ComparePoint {
  accuracy: number;
}

/** Results that were measured on validation pictures, oldest first. */
export function candidates(points: readonly ComparePoint[]): Candidate[] {
  return points.flatMap((point) => (point.validationAccuracy === null ? [] : [{ ...point, accuracy: point.validationAccuracy }])).sort((a, b) => a.createdAt - b.createdAt);
}

/** Place of the slider: 0 the smallest, 100 the most accurate. */
export const MOST_ACCURATE = 100;

/** @param position 0..100 */
export function proposalAt(points: readonly Candidate[], position: number): Candidate | undefined {
  return chooseOnFront(points, 1 - position / MOST_ACCURATE);
}

/** A result of the front, with percentage points below the most accurate one. */
export interface FrontRow {
  point: Candidate;
  below: number;
}

export function frontRows(points: readonly Candidate[]): FrontRow[] {
  const front = paretoFront(points);
  const best = front.at(-1)?.accuracy ?? 0;
  return front.map((point) => ({ point, below: 100 * (best - point.accuracy) }));
}

/** Percentage points that people ask for. */
const LOSSES = [0.5, 1, 2];

/** The smallest result that is at most so many points below the best. */
export function withinLosses(points: readonly Candidate[]): { points: number; point: Candidate }[] {
  return summariseFront(points, LOSSES)?.within ?? [];
}
