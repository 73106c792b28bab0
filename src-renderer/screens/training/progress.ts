/** @file How far a run is. Pure. */
import type { JointView } from '../../../src-main/contract/studio/joint.ts';
import type { RunView } from '../../../src-main/contract/studio/runs.ts';
import type { SweepView } from '../../../src-main/contract/studio/sweeps.ts';

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

/** How far a sweep is, 0..1: runs that are done, and the parts of those that are going. */
export function shareOfSweep({ done, total }: Pick<SweepView, 'done' | 'total'>, now: readonly Pick<RunView, 'stage' | 'progress' | 'decoded'>[]): number {
  const begun = now.reduce((sum, run) => sum + (run.stage === 'decoding' ? 0 : (shareOf(run) ?? 0)), 0);
  return total === 0 ? 0 : Math.min(1, (done + begun) / total);
}

/** One thing that waits for its turn. */
export type Waiting = { kind: 'run'; position: number; run: RunView } | { kind: 'joint'; position: number; joint: JointView } | { kind: 'sweep'; position: number; sweep: SweepView };

/** All that waits here, next first. */
export function waitingOf(runs: readonly RunView[], sweeps: readonly SweepView[], joints: readonly JointView[]): Waiting[] {
  return [
    ...runs.flatMap((run): Waiting[] => (run.status === 'queued' && run.position !== null ? [{ kind: 'run', position: run.position, run }] : [])),
    ...sweeps.flatMap((sweep): Waiting[] => (sweep.position === null ? [] : [{ kind: 'sweep', position: sweep.position, sweep }])),
    ...joints.flatMap((joint): Waiting[] => (joint.position === null ? [] : [{ kind: 'joint', position: joint.position, joint }])),
  ].sort((a, b) => a.position - b.position);
}
