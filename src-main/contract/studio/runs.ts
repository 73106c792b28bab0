/** @file Contract: the queue of training runs and what is seen of the one that is going. */
import { z } from 'zod';
import type { CompressProgress, Encoding } from '../compression.ts';
import type { ErrorEnvelope } from '../errors.ts';
import type { RunRecord } from '../records.ts';
import type { JobStateName } from '../sweep.ts';
import { trainConfigSchema, type EpochMetrics, type Recovery, type TrainConfig, type TrainProgress } from '../training.ts';
import { answer, EMPTY, idSchema, request } from './common.ts';

export type RunStage = 'queued' | 'decoding' | 'loading' | 'compiling' | 'training' | 'evaluating' | 'saving' | 'ended';

/** A run that Slurm has, or had. */
export interface ClusterRun {
  sweepId: string;
  /** Slurm's number of the job, such as 12_3; null when it is not known. */
  job: string | null;
  state: JobStateName;
  /** Why it waits, in Slurm's words, or why there is no news; empty where there is nothing to say. */
  reason: string;
  /** The node it was last heard from. */
  host: string | null;
  /** For showing to a person only. */
  log: string | null;
  stage: Exclude<RunStage, 'queued' | 'decoding' | 'ended'> | null;
  progress: TrainProgress | null;
  failure: ErrorEnvelope | null;
}

/** A smaller form of a run's result, made when it has ended. */
export interface SmallerView {
  encoding: Encoding;
  /** Points of validation accuracy. */
  tolerance: number;
  /** `later`: when the run has ended. `open`: the program ended before it was done. `cancelled`: by a person. */
  state: 'later' | 'waiting' | 'going' | 'done' | 'open' | 'cancelled' | 'failed';
  /** While it goes; null while pictures are read. */
  progress: CompressProgress | null;
  /** Once done. Accuracies on validation pictures, 0..1. */
  made: { deltaId: string; bytesBefore: number; bytes: number; validationBefore: number; validationAfter: number } | null;
  /** Of the last attempt. */
  failure: ErrorEnvelope | null;
}

/** A run as the queue shows it. */
export interface RunView {
  id: string;
  taskId: string;
  taskName: string;
  baseName: string;
  config: TrainConfig;
  status: RunRecord['status'];
  stage: RunStage;
  /** Decoding before the first step: pictures done and in all. */
  decoded: { done: number; total: number } | null;
  progress: TrainProgress | null;
  /** Counted from 0 among all that waits; null when it is not waiting. */
  position: number | null;
  canResume: boolean;
  failure: ErrorEnvelope | null;
  startedAt: number;
  finishedAt: number | null;
  /** Of the stored result, once done. */
  deltaId: string | null;
  /** How it went on by itself after memory did not suffice or a GPU was lost, oldest first. Of an ended run in `run.show` only. */
  recoveries: Recovery[];
  /** What becomes of its result afterwards; null when nothing was asked for. */
  smaller: SmallerView | null;
  /** The sweep of this machine that it is one of; null for a run of its own. */
  sweepId: string | null;
  /** null for a run of this machine. */
  cluster: ClusterRun | null;
}

/** One level of a path, from the weakest penalty. What is measured is null until the run has ended. */
export interface LevelView {
  level: number;
  /** Null where the level was asked for by its size. */
  lambda: number | null;
  /** Epochs of the run, from 0: its first, and the one after its last. */
  from: number;
  to: number;
  deltaId: string | null;
  validationAccuracy: number | null;
  testAccuracy: number | null;
  openLayers: number | null;
  bytes: number | null;
}

export interface RunDetail {
  run: RunView;
  epochs: EpochMetrics[];
  /** Names of gated layers in forward order: rows of the heat map. */
  layers: { name: string; parameters: number }[];
  bestEpoch: number | null;
  /** Of a path, every level that has been learnt or is to be; null for any other run. */
  levels: LevelView[] | null;
}

const ONE = z.strictObject({ runId: idSchema });

export const RUN_REQUESTS = {
  /** Running first, then waiting in order, then the most recent ended ones. */
  'run.list': request(EMPTY, answer<RunView[]>()),
  'run.show': request(ONE, answer<RunDetail>()),
  'run.start': request(z.strictObject({ taskId: idSchema, config: trainConfigSchema }), answer<RunView>()),
  'run.resume': request(ONE, answer<RunView>()),
  'run.pause': request(ONE, answer<{ paused: boolean }>()),
  'run.continue': request(ONE, answer<{ paused: boolean }>()),
  /** `keepBest`: ends the run with its best epoch so far as a result. Otherwise it stops with a checkpoint and can be resumed. */
  'run.stop': request(z.strictObject({ runId: idSchema, keepBest: z.boolean() }), answer<{ stopping: boolean }>()),
  /** Makes the smaller form that an ended run asks for and lacks. */
  'run.shrink': request(ONE, answer<RunView>()),
  'run.stopShrinking': request(ONE, answer<RunView>()),
  /** `id` of a waiting run, or of anything else that waits with them (a sweep). Position 0 is the next to start. */
  'run.move': request(z.strictObject({ id: idSchema, position: z.number().int().min(0).max(10_000) }), answer<RunView[]>()),
} as const;
