/**
 * @file What lies in the folder that a library and its jobs share: names and shapes. Pure. docs/cluster.md has the whole list.
 * Every file has one writer: what a job is to do is written by whoever sends it, what it did by the job.
 */
import { z } from 'zod';
import { ERROR_CODES } from '../contract/errors.ts';
import type { CompressionReport } from '../contract/compression.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { trainConfigSchema, type EpochMetrics, type TrainProgress, type TrainResult } from '../contract/training.ts';
import { slurmOptionsSchema } from './slurm-options.ts';

export const FILES = { batch: 'batch.json', job: 'job.json', progress: 'progress.json', epochs: 'epochs.json', failure: 'failure.json', result: 'result.json' } as const;
export const FOLDERS = { jobs: 'jobs', inputs: 'inputs', pictures: 'pictures', sets: 'sets', submissions: 'submissions', logs: 'logs', run: 'run', result: 'result' } as const;

export function jobName(position: number): string {
  return String(position).padStart(4, '0');
}

const sha256 = z.string().regex(/^[0-9a-f]{64}$/u);
const blobSchema = z.strictObject({ sha256, bytes: z.number().int().min(0) });
/** Own files only: never a path. */
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/u);

export const batchSchema = z.strictObject({
  version: z.literal(1),
  /** Of this folder. */
  batchId: z.string().regex(/^[0-9a-f]{16}$/u),
  sweepId: z.string().min(1).max(100),
  title: z.string(),
  /** Version of the program that wrote it; jobs run the same. */
  program: z.string(),
  createdAt: z.number(),
});
export type Batch = z.infer<typeof batchSchema>;

/** One run: everything it needs beside the files it names. */
export const jobSchema = z.strictObject({
  version: z.literal(1),
  batchId: batchSchema.shape.batchId,
  position: z.number().int().min(0),
  /** SHA-256 over what determines the result: a result with another is of another job. */
  key: sha256,
  program: z.string(),
  task: z.string(),
  setting: z.string(),
  config: trainConfigSchema,
  classNames: z.array(z.string()),
  preprocessing: z.custom<Preprocessing>((value) => typeof value === 'object' && value !== null),
  base: z.strictObject({ baseId: sha256, graph: blobSchema, weights: blobSchema }),
  datasetHash: z.string(),
  /** Name of the set of decoded pictures. */
  pictures: sha256,
});
export type ClusterJob = z.infer<typeof jobSchema>;

/** Decoded pictures of a dataset: `pictures/<size>/<file>`. */
export const pictureSetSchema = z.strictObject({
  version: z.literal(1),
  size: z.string().regex(/^[A-Za-z0-9._-]{1,100}$/u),
  images: z.array(
    z.strictObject({
      path: z.string(),
      file: z.string().regex(/^[0-9a-f]{2}\/[0-9a-f]{64}\.rgb$/u),
      width: z.number().int().positive(),
      height: z.number().int().positive(),
      label: z.number().int(),
      split: z.enum(['train', 'validation', 'test']),
      /** Of the decoded file. */
      sha256,
    }),
  ),
});
export type PictureSet = z.infer<typeof pictureSetSchema>;

/** One call of sbatch. */
export const submissionSchema = z.strictObject({
  version: z.literal(1),
  batchId: batchSchema.shape.batchId,
  number: z.number().int().min(1),
  /** Of the array; found in the queue by it when the id was not kept. */
  name: z.string(),
  /** Index in the array → position of the job. */
  positions: z.array(z.number().int().min(0)).min(1),
  options: slurmOptionsSchema,
  program: z.array(z.string()).min(1),
  /** null until sbatch has answered. */
  jobId: z.number().int().nullable(),
  createdAt: z.number(),
});
export type Submission = z.infer<typeof submissionSchema>;

export const failureSchema = z.object({
  submission: z.number().int(),
  error: z.object({ code: z.enum(ERROR_CODES), message: z.string(), advice: z.string() }),
});

export const progressSchema = z.object({
  submission: z.number().int(),
  host: z.string(),
  stage: z.enum(['loading', 'compiling', 'training', 'evaluating', 'saving']),
  progress: z.custom<TrainProgress>((value) => typeof value === 'object' && value !== null).nullable(),
  updatedAt: z.number(),
});
export type JobProgress = z.infer<typeof progressSchema>;

const metricsSchema = z.object({
  epoch: z.number().int().min(0),
  trainLoss: z.number(),
  trainAccuracy: z.number(),
  validationLoss: z.number(),
  validationAccuracy: z.number(),
  openLayers: z.number(),
  openBytes: z.number(),
  learningRate: z.number(),
  seconds: z.number(),
  scores: z.array(z.number()),
}) satisfies z.ZodType<EpochMetrics>;

export const epochsSchema = z.object({ submission: z.number().int(), epochs: z.array(metricsSchema) });

const evaluationSchema = z.looseObject({ images: z.number(), loss: z.number(), accuracy: z.number().min(0).max(1), confusion: z.array(z.array(z.number())) });
/** What the library relies on; the rest is shown. */
const resultSchema = z.looseObject({ epochs: z.array(metricsSchema), bestEpoch: z.number(), validation: evaluationSchema, test: evaluationSchema, seconds: z.number(), engine: z.string() });

/** A finished job. Written last, when all its files are in place. */
export const packageSchema = z.strictObject({
  version: z.literal(1),
  batchId: batchSchema.shape.batchId,
  position: z.number().int().min(0),
  key: sha256,
  baseId: sha256,
  host: z.string(),
  result: z.custom<TrainResult>((value) => resultSchema.safeParse(value).success, 'is no result of a run'),
  /** Of a path, one per level; otherwise one. */
  files: z.array(z.strictObject({ name: fileName, ...blobSchema.shape, level: z.number().int().min(0).nullable(), testAccuracy: z.number().min(0).max(1), validationAccuracy: z.number().min(0).max(1) })).min(1),
  /** Which of `files` is what was learnt. */
  chosen: z.number().int().min(0),
  /** The smaller form that the settings asked for, or why there is none; null: none was asked for. */
  smaller: z
    .union([
      z.strictObject({ name: fileName, ...blobSchema.shape, report: z.custom<CompressionReport>((value) => typeof value === 'object' && value !== null) }),
      z.strictObject({ failure: failureSchema.shape.error }),
    ])
    .nullable(),
});
export type ResultPackage = z.infer<typeof packageSchema>;
