/** @file Configuration, progress and result of a training run: shared by the command line, the trainer and the library. */
import { z } from 'zod';
import { budgetSchema, pathSchema } from './budget.ts';
import { ENCODINGS, toleranceSchema } from './compression.ts';
import type { FloatTensor } from './tensors.ts';
import type { Preprocessing } from './preprocessing.ts';

export const METHODS = ['taps', 'full-fine-tuning', 'linear-probe', 'norm-head', 'bias-head', 'fixed-layers', 'low-rank', 'modulator', 'piggyback'] as const;
export type MethodId = (typeof METHODS)[number];

export const LAYER_PATTERNS = ['last', 'first', 'random'] as const;
/** Where the layers of `fixed-layers` are taken from: the head's side, the image's side, or by the seed. */
export type LayerPattern = (typeof LAYER_PATTERNS)[number];

export const ENGINE_IDS = ['onnxruntime', 'webgpu', 'tensorflow', 'reference'] as const;

/**
 * Everything that determines a run besides base and dataset. Two runs with equal configuration, base and
 * manifest on the same engine end with the same bytes.
 */
export const trainConfigSchema = z.strictObject({
  method: z.enum(METHODS),
  engine: z.enum(ENGINE_IDS).default('onnxruntime'),
  /** λ of the sparsity penalty (λ/L)·Σ|s|, L = number of gated layers. 0..1000. Larger closes more layers. */
  lambda: z.number().min(0).max(1000).default(1),
  /** Asked for instead of λ, which is then adapted while the task is learnt; `lambda` has no effect. Absent: λ as given. */
  budget: budgetSchema.optional(),
  /** One run over several λ, weak to strong, with a result for each; `lambda` has no effect. Absent: one λ. */
  path: pathSchema.optional(),
  /** τ: a layer is open while its score s ≥ τ. 0..1. */
  threshold: z.number().min(0).max(1).default(0.1),
  /** Start value of every score; above τ, so that every layer starts open. −1..2. */
  scoreInit: z.number().min(-1).max(2).default(0.15),
  /** Epochs at the start without sparsity penalty. 0..epochs. */
  warmupEpochs: z.number().int().min(0).default(3),
  /** Layers that `fixed-layers`, `low-rank`, `modulator` and `piggyback` change, by the names of their weights; null means by their own rule. */
  layers: z.array(z.string().min(1)).min(1).max(100_000).nullable().default(null),
  /** `fixed-layers`: which layers come first. */
  pattern: z.enum(LAYER_PATTERNS).default('last'),
  /** `fixed-layers`: largest size of the task as a fraction of a full copy of the network. Above 0..1. */
  patternShare: z.number().positive().max(1).default(0.25),
  /** `fixed-layers`: largest size of the task in bytes (float32, without file header), in place of patternShare. */
  patternBytes: z.number().int().positive().nullable().default(null),
  /** `low-rank`: r, inner dimension of the factors; layers that are smaller take their own full rank. */
  rank: z.number().int().min(1).max(4096).default(4),
  /** `low-rank`: α; the change is (α/r)·B·A. Above 0..10000. */
  rankAlpha: z.number().positive().max(10_000).default(8),
  /** `piggyback`: start of every mask value; at least maskThreshold, so that every weight starts on. −1..1. */
  maskInit: z.number().min(-1).max(1).default(0.01),
  /** `piggyback`: a weight is on while its mask value is at least this. −1..1. */
  maskThreshold: z.number().min(-1).max(1).default(0.005),
  optimizer: z.enum(['sgd', 'adamw']).default('sgd'),
  /** Step size of weights at the start of the cosine schedule. > 0. */
  learningRate: z.number().positive().max(100).default(0.01),
  /** Step size of the scores; null means the same as learningRate. */
  scoreLearningRate: z.number().positive().max(100).nullable().default(null),
  momentum: z.number().min(0).max(0.9999).default(0.9),
  /** Decoupled for adamw, L2 on δ and trained values for sgd; never on scores and masks. */
  weightDecay: z.number().min(0).max(1).default(0),
  epochs: z.number().int().min(1).max(10_000).default(30),
  /** Images per micro-batch. */
  batchSize: z.number().int().min(1).max(4096).default(32),
  /** Micro-batches averaged into one optimiser step. */
  accumulate: z.number().int().min(1).max(1024).default(1),
  seed: z.number().int().min(0).max(0xffff_ffff).default(0),
  /** Side of the training and test input in pixels; null means the base's own. */
  imageSize: z.number().int().min(8).max(1024).nullable().default(null),
  /** Learns how far to trust each training picture: a temperature σ of its own (training/sample-confidence). */
  sampleConfidence: z.boolean().default(false),
  /** Step size of log σ. Above 0..100. */
  confidenceRate: z.number().positive().max(100).default(0.2),
  /** Fits the head to the base's features before the first step, instead of drawing it (trainer/head-start). */
  headStart: z.boolean().default(false),
  /** Largest part of a forward pass, from the picture's side, that stays the base's, normalisation included (training/trunk). 0..0.99; 0: everything may be learnt. */
  trunkShare: z.number().min(0).max(0.99).default(0),
  /** Augmented views of every picture; epochs take them in turn. 0..10000; 0: a new one in every epoch. */
  views: z.number().int().min(0).max(10_000).default(0),
  /** Memory, and then disk, in which what the trunk makes of pictures is kept, in megabytes (10⁶ bytes). Changes no result. */
  trunkMemory: z.number().int().min(0).max(1_000_000).default(1500),
  trunkDisk: z.number().int().min(0).max(10_000_000).default(0),
  /** What the trunk makes of training and validation pictures, kept or not: float32, or rounded to float16 in half the room. Results are judged at float32. */
  trunkPrecision: z.enum(['float32', 'float16']).default('float32'),
  augmentation: z.enum(['crop-flip', 'crop', 'flip', 'none']).default('crop-flip'),
  /** After the run, its result is also stored in this form (contract/compression); the learnt one stays. Absent: not. */
  encoding: z.enum(ENCODINGS).optional(),
  /** Of `auto`: points of validation accuracy that may be lost. 0..100; absent means 0.5. */
  tolerance: toleranceSchema.optional(),
  /** CPU threads; 0 means all cores. */
  threads: z.number().int().min(0).max(256).default(0),
});
export type TrainConfig = z.infer<typeof trainConfigSchema>;

/** State of one gated layer in a finished or running task. */
export interface LayerState {
  /** Name of the layer's weight in the base. */
  name: string;
  /** Elements of the weight. */
  parameters: number;
  /** Score s; null for methods without gates. */
  score: number | null;
  /** Whether the task changes this layer. */
  open: boolean;
}

/**
 * A stored change of a weight that is no plain difference. A weight of shape [O, …] is taken as the matrix W̄ [O, K], K = product of
 * the other axes (C·kh·kw of a convolution), row-major.
 * - `low-rank`: w = W̄ + left·right, left [O, r], right [r, K], 1 ≤ r ≤ min(O, K).
 * - `modulator`: w = matrix·W̄, matrix [O, O]: a 1 × 1 convolution after the base's, folded (Kanakis et al., ECCV 2020).
 * - `mask`: w = W̄ ⊙ m, a bit per weight, packed as core/bits says (Mallya et al., ECCV 2018).
 * What the weight is in numbers: core/effective-weight.
 */
export type WeightTransform =
  | { kind: 'low-rank'; left: FloatTensor; right: FloatTensor }
  | { kind: 'modulator'; matrix: FloatTensor }
  | { kind: 'mask'; bits: Uint8Array };

/**
 * What a task adds to its base: the only thing that is stored.
 * An effective weight is `replaced` where present, else the base's transformed where a transform is present, else float32(base + delta)
 * where a delta is present, else the base's (core/effective-weight). An open layer has exactly one of the three.
 */
export interface TaskArtifact {
  method: MethodId;
  /** SHA-256 (hex) that identifies the base (see library/base-id). */
  baseId: string;
  /** Index = label. */
  classNames: string[];
  /** Gated layers in forward order. */
  layers: LayerState[];
  /** δ of open layers, by weight name; shapes equal the base's. In encoded tasks also differences of other parameters. */
  deltas: Map<string, FloatTensor>;
  /** Task-specific values of the base's parameters (normalisation, biases, whole weights), by name. */
  replaced: Map<string, FloatTensor>;
  /** Changes of open layers that are no plain differences, by weight name. */
  transforms: Map<string, WeightTransform>;
  head: { /** [classes, features] */ weight: FloatTensor; /** [classes] */ bias: FloatTensor };
  /** imageSize is the one trained with. */
  preprocessing: Preprocessing;
}

/** One epoch as reported and stored. Accuracies are fractions 0..1; null before the first validation. */
export interface EpochMetrics {
  /** From 0. */
  epoch: number;
  trainLoss: number;
  trainAccuracy: number;
  validationLoss: number;
  validationAccuracy: number;
  openLayers: number;
  /** Bytes the task would take if it stopped here (float32 weights without file header). */
  openBytes: number;
  learningRate: number;
  /** Seconds this epoch took. */
  seconds: number;
  /** Scores of the gated layers in forward order; empty for methods without gates. */
  scores: number[];
}

/** Sent at most a few times a second while training. */
export interface TrainProgress {
  epoch: number;
  epochs: number;
  /** Optimiser steps done in this run, and in all. */
  step: number;
  steps: number;
  /** Exponential moving average of the cross-entropy. */
  loss: number;
  /** Training accuracy of this epoch so far, 0..1. */
  accuracy: number;
  /** Last validation accuracy, 0..1; null before the first. */
  validationAccuracy: number | null;
  openLayers: number;
  totalLayers: number;
  imagesPerSecond: number;
  etaSeconds: number | null;
  /** Resident memory of the trainer in bytes. */
  residentBytes: number;
}

/** Evaluation on one split. */
export interface Evaluation {
  images: number;
  loss: number;
  /** Fraction 0..1. */
  accuracy: number;
  /** confusion[actual][predicted] in images. */
  confusion: number[][];
}

/** How a run came by its bytes when it had a budget. */
export interface BudgetReport {
  /** The limit in bytes of the stored task. */
  limitBytes: number;
  /** What the chosen layers take by the budget's count, with names and numbers of the file rounded up. */
  bytes: number;
  /** Bytes with no layer open: no budget below is possible. */
  leastBytes: number;
  /** Bytes with every layer open. */
  mostBytes: number;
  /** The multiplier of the bytes (λ in λ·Σ (n_l/n)·|s_l|) when the gates were fixed. */
  lambda: number;
  /** Optimiser step at which the gates were fixed. */
  fixedAtStep: number;
  /** Layers that were closed, and opened, to hold the limit and to use it. */
  closed: number;
  opened: number;
}

/** One level of a path: a result of its own. */
export interface PathLevel {
  /** From 0, the weakest penalty. */
  level: number;
  /** Null where the level was asked for by its size. */
  lambda: number | null;
  /** Epoch of the run whose weights were kept for it. */
  epoch: number;
  openLayers: number;
  /** Size of its task file. */
  bytes: number;
  validation: Evaluation;
  /** Looked at once, after the level's epoch was chosen. */
  test: Evaluation;
}

/** What a run with `sampleConfidence` learnt of one training picture. */
export interface PictureTrust {
  /** Relative to the dataset's root. */
  path: string;
  /** σ, 1/20..20: how much the picture's logits were divided by; large where the network keeps contradicting the label. */
  sigma: number;
  /** Mean cross-entropy of its training views over the run, at σ = 1. */
  trainLoss: number;
  /** Cross-entropy with the weights that were kept (of a path: the last), at σ = 1. */
  loss: number;
}

/** A run went on by itself after a failure, from its last checkpoint. */
export interface Recovery {
  /** `memory`: in smaller micro-batches; `device-lost`: as before, in a fresh process. */
  reason: 'memory' | 'device-lost';
  /** Pictures per micro-batch and micro-batches per optimiser step from then on; their product is what the configuration says. */
  batchSize: number;
  accumulate: number;
  /** What had failed. */
  message: string;
}

/** Work that changes no weights went on by itself with fewer pictures at once, because memory did not suffice; answers are the same. */
export interface SmallerBatch {
  /** Pictures at once from then on. */
  batchSize: number;
  /** What had failed. */
  message: string;
}

/** What a finished run reports beside its artefact. */
export interface TrainResult {
  epochs: EpochMetrics[];
  /** Epoch whose weights were kept: best validation accuracy, ties to fewer open bytes, then to the later epoch. */
  bestEpoch: number;
  validation: Evaluation;
  /** Evaluated once, after selection. */
  test: Evaluation;
  seconds: number;
  engine: string;
  /** Of a run with `sampleConfidence`: every training picture, in the order of the manifest. */
  pictures?: PictureTrust[];
  /** A person ended the run before its last epoch; absent otherwise. */
  endedEarly?: true;
  /** How it went on by itself after failures, in order; absent where nothing failed. */
  recoveries?: Recovery[];
  /** Of a run with a budget of bytes. */
  budget?: BudgetReport;
  /** Of a path, all its levels; `validation`, `test` and `bestEpoch` are then those of `chosenLevel`. */
  levels?: PathLevel[];
  chosenLevel?: number;
}
