/**
 * @file Messages between the owner (main process or command line) and the trainer child.
 * The transport is `child_process` IPC under Node and a MessagePort under Electron; both carry structured clones.
 */
import type { CompressionReport, CompressJob, CompressProgress } from './compression.ts';
import type { ErrorEnvelope } from './errors.ts';
import type { JointEpoch, JointJob, JointMemory, JointProgress, JointResult } from './joint.ts';
import type { Preprocessing } from './preprocessing.ts';
import type { Sharing } from './sharing.ts';
import type { EpochMetrics, Evaluation, Recovery, SmallerBatch, TrainConfig, TrainProgress, TrainResult } from './training.ts';
import type { TallJob, TallReport } from './tall.ts';
import type { EngineInfo } from './engine-info.ts';

/** Files that make up a base on disk. Weights are verified against their hash by the reader. */
export interface BaseFiles {
  baseId: string;
  graphPath: string;
  graphSha256: string;
  weightsPath: string;
  weightsSha256: string;
}

export interface TrainJob {
  runId: string;
  /** Folder of this run: checkpoints and the finished artefact are written here, nowhere else. */
  runFolder: string;
  base: BaseFiles;
  config: TrainConfig;
  classNames: string[];
  /** The base's own; imageSize is overridden by the configuration's. */
  preprocessing: Preprocessing;
  /** Folder of decoded images (see data/prepared-set). */
  preparedFolder: string;
  /** Manifest hash; a checkpoint made with another is refused. */
  datasetHash: string;
  /** Continue from the last checkpoint in runFolder if there is one. */
  resume: boolean;
  /** CPU threads where the configuration leaves them open (0); absent or 0: all cores of the machine. */
  threads?: number;
  /** What failed attempts left, in order; absent: what the checkpoint says. */
  recoveries?: Recovery[];
}

/** Pictures that predictions and compression compute at once where a job does not say. */
export const PICTURES_AT_ONCE = 32;

export interface PredictJob {
  base: BaseFiles;
  /** Safetensors file of the task. */
  artifactPath: string;
  preparedFolder: string;
  /** Indices into the prepared set. */
  indices: number[];
  engine: TrainConfig['engine'];
  threads: number;
  /** At most so many pictures at once; absent: PICTURES_AT_ONCE. */
  batchSize?: number;
}

/** Several tasks of one base that want their pictures prepared alike: what they have in common is computed once. */
export interface PredictManyJob extends Omit<PredictJob, 'artifactPath'> {
  tasks: { name: string; artifactPath: string }[];
}

export type TrainerRequest =
  | { kind: 'train'; job: TrainJob }
  | { kind: 'predict'; job: PredictJob }
  | { kind: 'predict-many'; job: PredictManyJob }
  | { kind: 'joint'; job: JointJob }
  | { kind: 'compress'; job: CompressJob }
  | { kind: 'tall'; job: TallJob }
  | { kind: 'pause' }
  | { kind: 'resume' }
  /** Ends training after the current step; what was best so far becomes the result. */
  | { kind: 'finish' }
  /** Stops after the current step; what was best so far is kept as a checkpoint. */
  | { kind: 'cancel' }
  | { kind: 'doctor' };

export type TrainerEvent =
  | { kind: 'ready'; pid: number }
  | { kind: 'heartbeat'; residentBytes: number }
  | { kind: 'stage'; stage: 'loading' | 'compiling' | 'training' | 'evaluating' | 'saving' }
  | { kind: 'progress'; progress: TrainProgress }
  | { kind: 'epoch'; metrics: EpochMetrics }
  | { kind: 'checkpoint'; path: string; epoch: number; step: number }
  | { kind: 'paused' }
  | { kind: 'resumed' }
  /** From the owner's side: an attempt failed, and another one begins. */
  | { kind: 'recovery'; recovery: Recovery }
  /** `levelPaths`: of a path, the files of `result.levels` in their order, one of which is `artifactPath`. */
  | { kind: 'done'; artifactPath: string; result: TrainResult; levelPaths?: string[] }
  | { kind: 'cancelled'; checkpointPath: string | null }
  /** logits is row-major [indices.length, classes]. `recoveries`, from the owner's side: how it went on where memory did not suffice. */
  | { kind: 'predicted'; logits: Float32Array; classes: number; evaluation: Evaluation | null; recoveries?: SmallerBatch[] }
  /** As `predicted`, for every task in the order of the job. */
  | { kind: 'predicted-many'; logits: Float32Array[]; classes: number[]; sharing: Sharing; recoveries?: SmallerBatch[] }
  /** Before memory is taken: what the run will need. */
  | { kind: 'joint-memory'; memory: JointMemory }
  | { kind: 'joint-progress'; progress: JointProgress }
  | { kind: 'joint-epoch'; epoch: JointEpoch }
  | { kind: 'joint-done'; result: JointResult }
  | { kind: 'compressing'; progress: CompressProgress }
  | { kind: 'compressed'; artifactPath: string; report: CompressionReport }
  | { kind: 'tall'; report: TallReport }
  | { kind: 'doctor'; engines: EngineInfo[] }
  | { kind: 'failed'; error: ErrorEnvelope };
