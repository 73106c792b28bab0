/** @file How far a run is. Pure. */
import type { RunView } from '../../../src-main/contract/studio/runs.ts';

/** 0..1; null while that is unknown (loading, compiling). */
export function shareOf({ stage, progress, decoded }: Pick<RunView, 'stage' | 'progress' | 'decoded'>): number | null {
  if (stage === 'decoding') return decoded === null || decoded.total === 0 ? null : decoded.done / decoded.total;
  if (progress === null || progress.steps === 0) return null;
  return progress.step / progress.steps;
}

/** Where a run is with one level of its path. @param epochsDone epochs with figures */
export function stateOfLevel({ from, to }: { from: number; to: number }, epochsDone: number, ended: boolean): 'waiting' | 'now' | 'done' {
  if (epochsDone >= to) return 'done';
  return epochsDone >= from && !ended ? 'now' : 'waiting';
}
