/** @file TALL masks of several tasks: the job and what comes of it. */
import type { BaseFiles } from './trainer-protocol.ts';
import type { Evaluation, SmallerBatch, TrainConfig } from './training.ts';

export interface TallJob {
  base: BaseFiles;
  tasks: {
    /** Also names its file. */
    name: string;
    artifactPath: string;
    preparedFolder: string;
  }[];
  /** Exists; `shared.safetensors` and `task-<position>.safetensors` are written here. */
  outputFolder: string;
  engine: TrainConfig['engine'];
  threads: number;
  /** Pictures that are evaluated at once; absent: PICTURES_AT_ONCE (contract/trainer-protocol). */
  batchSize?: number;
}

export interface TallTask {
  name: string;
  /** Absolute. */
  path: string;
  bytes: number;
  /** λ_t with the best validation accuracy; of equals the largest, whose mask has the fewest ones. */
  lambda: number;
  /** Fraction of the shared vector's numbers that the task uses. */
  density: number;
  validationBefore: Evaluation;
  validation: Evaluation;
  /** Looked at once, with the chosen λ. */
  test: Evaluation;
}

export interface TallReport {
  /** Absolute. */
  sharedPath: string;
  sharedBytes: number;
  /** Numbers of the shared vector. */
  parameters: number;
  tasks: TallTask[];
  seconds: number;
  /** How it went on by itself where memory did not suffice, in order; absent where it did. */
  recoveries?: SmallerBatch[];
}
