/** @file Joint training of several tasks: its configuration, the job of the trainer, what it reports, and where the derived base comes from. */
import { z } from 'zod';
import type { Preprocessing } from './preprocessing.ts';
import { trainConfigSchema, type EpochMetrics, type Evaluation, type Recovery } from './training.ts';
import type { BaseFiles } from './trainer-protocol.ts';

export const JOINT_VARIANTS = ['exact', 'two-stage'] as const;
/**
 * - `exact`: w_t = W̄ + Δ + 1[s_t ≥ τ]·δ_t, everything learnt together; memory grows with the number of tasks.
 * - `two-stage`: one network with a head per task is trained in full, then frozen; TAPS for every task from there. Constant memory.
 */
export type JointVariant = (typeof JOINT_VARIANTS)[number];

/** What determines a joint run besides base, datasets and their order. */
export const jointConfigSchema = z.strictObject({
  variant: z.enum(JOINT_VARIANTS).default('exact'),
  /** Of every task, method `taps`, without budget, path, accumulation and confidence in pictures. In `two-stage`: of the second stage. */
  train: trainConfigSchema.refine((train) => train.method === 'taps' && train.accumulate === 1 && train.budget === undefined && train.path === undefined && !train.sampleConfidence, 'must be plain TAPS'),
  /** Step size of what all tasks move, at the start of its cosine; null means `train.learningRate`. 0 (only `exact`) leaves Δ at 0. */
  sharedLearningRate: z.number().min(0).max(100).nullable().default(null),
  /** `two-stage`: epochs of the first stage; null means `train.epochs`. */
  sharedEpochs: z.number().int().min(1).max(10_000).nullable().default(null),
});
export type JointConfig = z.infer<typeof jointConfigSchema>;

/** Where a base comes from that was learnt here, not read from a file. Names are those of the time. */
export interface BaseLineage {
  kind: 'joint';
  fromBaseId: string;
  fromBaseName: string;
  /** Id of the joint run. */
  runId: string;
  config: JointConfig;
  /** In the order in which they took turns. */
  tasks: { taskId: string; name: string; datasetId: string; /** Of its manifest. */ datasetHash: string }[];
}

export interface JointTaskInput {
  /** For messages. */
  name: string;
  classNames: string[];
  /** Folder of decoded images (see data/prepared-set). */
  preparedFolder: string;
  /** Manifest hash; a checkpoint made with another is refused. */
  datasetHash: string;
}

export interface JointJob {
  /** Checkpoints, the derived base and the task files are written here, nowhere else. */
  runFolder: string;
  base: BaseFiles;
  config: JointConfig;
  /** At least one; the order is part of the run. */
  tasks: JointTaskInput[];
  /** The base's own; imageSize is overridden by the configuration's. */
  preprocessing: Preprocessing;
  /** Continue from the last checkpoint in runFolder if there is one. */
  resume: boolean;
  /** What failed attempts left, in order; absent: what the checkpoint says. Micro-batches are those of every task. */
  recoveries?: Recovery[];
}

/** What training will take at once, by estimate, in bytes. */
export interface JointMemory {
  neededBytes: number;
  /** What this machine has left for it. */
  availableBytes: number;
  /** What every further task of the largest kind adds. */
  bytesPerTask: number;
}

/** One epoch: the pass over the task with the fewest pictures. */
export interface JointEpoch {
  /** From 0. */
  epoch: number;
  /** Mean over the tasks, 0..1: what decides which epoch is kept. */
  validationAccuracy: number;
  /** By task, in the job's order. */
  tasks: EpochMetrics[];
}

export interface JointProgress {
  epoch: number;
  epochs: number;
  /** Optimiser steps done and in all; each sees one micro-batch of every task. */
  step: number;
  steps: number;
  /** Mean over the tasks of the moving average of the cross-entropy. */
  loss: number;
  /** Last mean validation accuracy, 0..1; null before the first. */
  validationAccuracy: number | null;
  /** Of all tasks together. */
  openLayers: number;
  totalLayers: number;
  /** null in the first steps. */
  etaSeconds: number | null;
}

export interface JointTaskResult {
  validation: Evaluation;
  /** Looked at once, after the epoch was chosen; null in the first stage of `two-stage`, whose result is no task's. */
  test: Evaluation | null;
  /** The task file on the derived base; null in `two-stage`, where TAPS makes it afterwards. */
  artifactPath: string | null;
}

export interface JointResult {
  epochs: JointEpoch[];
  /** Best mean validation accuracy, ties to fewer open bytes, then to the lower loss, then to the later epoch. */
  bestEpoch: number;
  /** In the job's order. */
  tasks: JointTaskResult[];
  seconds: number;
  engine: string;
  memory: JointMemory;
  /** The derived base in its stored form. */
  graphPath: string;
  weightsPath: string;
  /** How it went on by itself after failures, in order; absent where nothing failed. */
  recoveries?: Recovery[];
}
