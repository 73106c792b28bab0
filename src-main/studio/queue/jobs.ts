/** @file What takes its turn in the queue: a run, a sweep, joint training, making a result smaller. One piece of work at a time, however many runs go within it. */
import type { ActiveRun } from './active-run.ts';

export type Job =
  /** `id` of the run; `resume`: it goes on from its checkpoint. */
  | { kind: 'run'; id: string; resume: boolean }
  /** `id` of the sweep: all that it still lacks. */
  | { kind: 'sweep'; id: string }
  /** `id` of the joint run. */
  | { kind: 'joint'; id: string }
  /** `id` of a run that has ended: its result is made smaller. */
  | { kind: 'smaller'; id: string };

/** A job whose turn has come. */
export interface Work {
  readonly job: Job;
  /** Runs that are going now. */
  readonly runs: readonly ActiveRun[];
  /** Never rejects: what goes wrong is recorded with what it went wrong with. */
  go: () => Promise<void>;
  /** Stops after the current step, so that it can be gone on with. */
  stop: () => void;
  /** Does not wait for the current step. */
  abandon: () => void;
}
