/** @file Making a learnt task smaller: what is asked for, what is done, what came of it. */
import { z } from 'zod';
import type { BaseFiles } from './trainer-protocol.ts';
import type { Evaluation, SmallerBatch, TrainConfig } from './training.ts';

/**
 * - `auto`: for each layer the form that makes the whole smallest within the tolerance.
 * - `float32`: nothing is lost; bytes are only packed.
 * - all others: every layer in this form, whatever it costs; normalisation, biases and head as float16.
 */
export const ENCODINGS = ['auto', 'float32', 'float16', 'int8', 'int4', 'int3', 'quinary', 'ternary', 'sign'] as const;
export type Encoding = (typeof ENCODINGS)[number];

/** Percentage points of validation accuracy that may be lost. */
export const toleranceSchema = z.number().min(0).max(100);
export const DEFAULT_TOLERANCE = 0.5;

export interface CompressJob {
  base: BaseFiles;
  /** The task file to make smaller. */
  artifactPath: string;
  /** Where the result goes. */
  outputPath: string;
  preparedFolder: string;
  encoding: Encoding;
  /** Points, 0..100. */
  tolerance: number;
  /** `auto`: instead of the smallest within the tolerance, the file nearest to the original that takes at most so many bytes. */
  mostBytes?: number | undefined;
  engine: TrainConfig['engine'];
  threads: number;
  /** Pictures that are evaluated at once; absent: PICTURES_AT_ONCE (contract/trainer-protocol). */
  batchSize?: number;
}

/** What a part of the task is stored as. */
export interface PartForm {
  /** Name of the layer's weight, `normalisation and biases`, `head`. */
  part: string;
  /** In words, such as `int4` or `low-rank 8 int8`. */
  form: string;
  /** Numbers that it stands for. */
  parameters: number;
  /** About what it takes in the file. */
  bytes: number;
}

/** How a smaller task was chosen, and what it is worth. */
export interface CompressionReport {
  encoding: Encoding;
  /** Points. */
  tolerance: number;
  /** Bytes that the file was to take at most; absent where a tolerance was asked for. Where not even the coarsest forms hold it, `bytesAfter` is above. */
  mostBytes?: number;
  /** Largest mean Kullback-Leibler divergence (nats per picture) from the original's answers that was allowed; null where nothing was searched. */
  divergenceLimit: number | null;
  /** Reached, on the pictures the choice looked at: validation pictures, filled up with training pictures where there are few. */
  divergence: number;
  /** Pictures behind `divergence`. */
  pictures: number;
  bytesBefore: number;
  bytesAfter: number;
  validationBefore: Evaluation;
  validationAfter: Evaluation;
  /** Of the result, looked at once. */
  test: Evaluation;
  parts: PartForm[];
  /** Versions that were evaluated for the choice. */
  evaluations: number;
  seconds: number;
  /** How it went on by itself where memory did not suffice, in order; absent where it did. */
  recoveries?: SmallerBatch[];
}

/** What is going on. */
export interface CompressProgress {
  stage: 'measuring' | 'choosing' | 'evaluating';
  done: number;
  total: number;
}
