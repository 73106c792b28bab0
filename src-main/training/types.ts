/** @file What the training loop needs of a model under adaptation; engine and method are behind it. */
import type { LayerState, TaskArtifact, TrainConfig } from '../contract/training.ts';

/** One micro-batch. Shapes are fixed for a session: [batchSize, 3, imageSize, imageSize] NCHW and one-hot [batchSize, classes]. */
export type Batch = Pictures & BatchLabels;

/** Pictures [batchSize, 3, imageSize, imageSize], or what the session's trunk made of them, [batchSize, activations of one picture]. */
export type Pictures = { images: Float32Array } | { activations: Float32Array };

/** A batch of pixels. */
export type ImageBatch = { images: Float32Array } & BatchLabels;

export interface BatchLabels {
  /** Row of zeros = padding, ignored by evaluation. */
  labels: Float32Array;
  /** 1/σ of every picture, [batchSize]; needed where the configuration says `sampleConfidence`. */
  inverseSigma?: Float32Array;
}

/** Numbers that change with the step. */
export interface StepHyperparameters {
  learningRate: number;
  scoreLearningRate: number;
  /** λ during the penalty phase, 0 in warm-up. */
  lambda: number;
  /** What λ weighs: every layer alike, (λ/L)·Σ|s| as published (the default), or by its share of the weights, λ·Σ (n_l/n)·|s_l|. */
  penalty?: 'layers' | 'weights';
}

export interface StepOutcome {
  /** Mean cross-entropy of the micro-batch, without the sparsity penalty; of z/σ where pictures have a confidence. */
  loss: number;
  /** Row-major [batchSize, classes]. */
  logits: Float32Array;
}

/** The lowest part of a session's network (training/trunk). */
export interface SessionTrunk {
  /** Part of the multiplications of one forward pass, 0..1. */
  readonly share: number;
  /** Floats it makes of one picture. */
  readonly length: number;
  /** [batchSize, 3, imageSize, imageSize] → [batchSize, length]. */
  run(images: Float32Array): Promise<Float32Array>;
}

/**
 * A network with trainable state on an engine. `trainStep` does everything of one micro-batch; with
 * `config.accumulate` > 1 the optimiser moves on every accumulate-th call (gradients are averaged, and
 * `snapshot` is only legal between optimiser steps).
 */
export interface TrainingSession {
  readonly config: TrainConfig;
  readonly imageSize: number;
  readonly classes: number;
  readonly compileMs: number;
  trainStep(batch: Batch, hyper: StepHyperparameters): Promise<StepOutcome>;
  /** What is not learnt and computes the same for every epoch; null where everything is. */
  readonly trunk: SessionTrunk | null;
  /** Inference (running statistics), same batch size as training; returns row-major logits. */
  evaluateStep(pictures: Float32Array | Pictures): Promise<Float32Array>;
  /** Features [batchSize, F] of a batch as the training step computes them, with the present weights. */
  features(pictures: Pictures): Promise<Float32Array>;
  /** Replaces the head: weight [classes, F] and bias [classes]. Frees what `features` needed. */
  setHead(head: { weight: Float32Array; bias: Float32Array }): void;
  /** Gated layers with current scores, forward order. */
  layers(): Promise<LayerState[]>;
  /** Opens exactly the layers that are told, by moving the scores of the others (and theirs) across τ as little as needed. */
  setGates(open: readonly boolean[]): Promise<void>;
  /** As `setGates`; the optimiser's entries of closed layers become 0, so that a layer that opens later goes on from its δ at rest. */
  restart(open: readonly boolean[]): Promise<void>;
  /**
   * Gates stay as they are from now on, until `setGates` or `restore`: closed layers drop out of the step, which is compiled anew,
   * and scores are no longer trained. Open layers learn as with the score rate at 0, up to the rounding of sums. Does nothing when they are fixed.
   */
  fixGates(): Promise<void>;
  /** Float32 bytes the task would take now, without file header. */
  openBytes(): Promise<number>;
  /** Complete trainable state by name (weights, scores, statistics, optimiser moments, step counters): a checkpoint's content. */
  snapshot(): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>>;
  /** Inverse of `snapshot`; throws `run-incompatible` when names or shapes differ. */
  restore(snapshot: Map<string, { shape: readonly number[]; data: Float32Array }>): void;
  /** Of a snapshot of this session: what would be stored for the task. */
  artifactOf(snapshot: Map<string, { shape: readonly number[]; data: Float32Array }>): TaskArtifact;
  dispose(): void;
}
