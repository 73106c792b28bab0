/** @file A sweep: many independent runs as one job, and what came out of it. */
import type { TrainConfig } from './training.ts';

/** One run of a sweep. The configuration is complete and frozen when the sweep is made. */
export interface SweepEntry {
  taskId: string;
  /** Names the setting within its sweep: runs with the same task and setting differ in their seed only. */
  setting: string;
  config: TrainConfig;
}

/** An entry with what has become of it. */
export interface SweepEntryRecord extends SweepEntry {
  position: number;
  /** Its run, when one was started. */
  runId: string | null;
  /** Why it could not be run to its end; null while waiting, and after success. */
  failure: string | null;
}

/** Other machines that work a sweep off. */
export interface SweepPlace {
  kind: 'slurm';
  /** Absolute path of the folder that they and this machine share; null: `cluster/<sweep>` in the library. */
  folder: string | null;
}

export interface SweepRecord {
  id: string;
  /** Free text, shown in lists. */
  title: string;
  createdAt: number;
  /** null: this machine. */
  place: SweepPlace | null;
  entries: SweepEntryRecord[];
}

/**
 * Of a job on Slurm. `unsent`: never given to it. `waiting`, `running`: Slurm has it. `ending`: Slurm says that it ended well, its
 * result is not to be seen yet (shared file systems may take a minute). `finished`: its result is there. `failed`: it ended without
 * one. `unknown`: Slurm could not be asked, and the folder does not tell.
 */
export const JOB_STATES = ['unsent', 'waiting', 'running', 'ending', 'finished', 'failed', 'unknown'] as const;
export type JobStateName = (typeof JOB_STATES)[number];
