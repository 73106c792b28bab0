/** @file Contract: sweeps of this machine, many runs with several seeds or settings as one job. */
import { z } from 'zod';
import type { ErrorEnvelope } from '../errors.ts';
import type { RunRecord } from '../records.ts';
import { trainConfigSchema, type MethodId, type TrainConfig } from '../training.ts';
import { answer, EMPTY, idSchema, request } from './common.ts';
import { seedSchema } from './images.ts';

/** More runs than these as one job are a mistake of typing. */
export const MOST_SWEEP_RUNS = 1000;

export interface SweepView {
  id: string;
  /** In the order they are learnt. */
  tasks: { id: string; name: string }[];
  methods: MethodId[];
  seeds: number[];
  /** How many different settings there are. */
  settings: number;
  /** `unfinished`: neither going nor waiting, and something is left to do. */
  state: 'running' | 'paused' | 'waiting' | 'unfinished' | 'done';
  /** Counted from 0 among all that waits; null when it does not. */
  position: number | null;
  done: number;
  failed: number;
  total: number;
  /** Runs that are going. */
  now: string[];
  /** Why it ended before its end, where that was no wish of a person. */
  failure: ErrorEnvelope | null;
  createdAt: number;
}

/** One run of a sweep, begun or not. */
export interface SweepRunView {
  position: number;
  taskId: string;
  taskName: string;
  /** Complete. Of a path, its levels follow from it. */
  config: TrainConfig;
  /** null before it was begun. */
  runId: string | null;
  /** null before it was begun. */
  status: RunRecord['status'] | null;
  /** 0..1; null before it is done. */
  validationAccuracy: number | null;
  testAccuracy: number | null;
  /** Message of the last attempt; null while waiting, and after success. */
  failure: string | null;
}

/** A mean over seeds with half the width of its 95 % t-interval; null for a single seed. */
export interface SeedMean {
  mean: number;
  halfWidth: number | null;
  count: number;
}

/** What a task and a setting have brought so far, over the seeds that are done. */
export interface SweepRow {
  taskId: string;
  taskName: string;
  config: TrainConfig;
  seeds: number[];
  /** 0..1 */
  test: SeedMean;
  validation: SeedMean;
  bytes: SeedMean;
  shareOfFullCopy: number;
  /** Mean; the number of all layers. */
  layersOpen: number;
  layersTotal: number;
  /** The class with the lowest mean recall on test pictures, 0..1; null without test pictures. */
  worstClass: { name: string; recall: number } | null;
}

export interface SweepDetail {
  sweep: SweepView;
  runs: SweepRunView[];
  rows: SweepRow[];
}

const ONE = z.strictObject({ sweepId: idSchema });

export const SWEEP_REQUESTS = {
  /** Newest first; those that Slurm has are with the runs. */
  'sweep.list': request(EMPTY, answer<SweepView[]>()),
  'sweep.show': request(ONE, answer<SweepDetail>()),
  /**
   * Every task with every λ and every seed, stored before anything is learnt. `lambdas` empty: that of `config`. What is named twice is
   * left out, and `notes` says so. `parallel`: trainers at a time, a second one only while memory allows.
   */
  'sweep.start': request(
    z.strictObject({
      taskIds: z.array(idSchema).min(1).max(200),
      config: trainConfigSchema,
      lambdas: z.array(trainConfigSchema.shape.lambda.unwrap()).max(200),
      seeds: z.array(seedSchema).min(1).max(200),
      parallel: z.number().int().min(1).max(2).default(1),
    }),
    answer<{ sweep: SweepView; notes: string[] }>(),
  ),
  /** Goes on with what is left: runs that have a checkpoint go on from it, those that failed without one are tried anew. */
  'sweep.resume': request(ONE, answer<SweepView>()),
  'sweep.pause': request(ONE, answer<SweepView>()),
  'sweep.continue': request(ONE, answer<SweepView>()),
  /** Keeps what is done and a checkpoint of what goes. A sweep that waits leaves the queue. */
  'sweep.stop': request(ONE, answer<SweepView>()),
} as const;
