/** @file Arithmetic of the frontier: what is shown, what is proposed, what the front costs. Pure. */
import type { ComparePoint, RepeatedSetting } from '../../../src-main/contract/studio/compare.ts';
import { chooseOnFront, paretoFront, summariseFront } from '../../../src-main/core/pareto.ts';

/**
 * A result with the accuracy that results are chosen by, on validation pictures, 0..1. Of a setting with several seeds it is the run that
 * would be used, with the means of all of them: `accuracy`, `testAccuracy`, `bytes` and the share of a copy.
 */
export interface Candidate extends ComparePoint {
  accuracy: number;
  repeated: RepeatedSetting | null;
}

/** Results that were measured on validation pictures, oldest first; one for each setting that was learnt with several seeds. */
export function candidates(points: readonly ComparePoint[], repeated: readonly RepeatedSetting[] = []): Candidate[] {
  const measured = new Map(points.filter(({ validationAccuracy }) => validationAccuracy !== null).map((point) => [point.deltaId, point]));
  const means = repeated.flatMap((setting): Candidate[] => {
    const members = setting.deltaIds.flatMap((id) => measured.get(id) ?? []);
    const [used] = members.toSorted((a, b) => Number(b.isCurrent) - Number(a.isCurrent) || (b.validationAccuracy ?? 0) - (a.validationAccuracy ?? 0) || a.bytes - b.bytes);
    if (used === undefined || setting.validation === null || members.length < setting.deltaIds.length) return [];
    const bytes = setting.bytes.mean;
    return [{ ...used, accuracy: setting.validation.mean, testAccuracy: setting.test?.mean ?? null, bytes, shareOfFullCopy: bytes / used.fullCopyBytes, repeated: setting }];
  });
  const taken = new Set(means.flatMap((candidate) => candidate.repeated?.deltaIds ?? []));
  const single = [...measured.values()].flatMap((point): Candidate[] => (taken.has(point.deltaId) || point.validationAccuracy === null ? [] : [{ ...point, accuracy: point.validationAccuracy, repeated: null }]));
  return [...single, ...means].sort((a, b) => a.createdAt - b.createdAt);
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
