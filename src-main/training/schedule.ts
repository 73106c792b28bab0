/** @file Step sizes and penalty over a run. */
import type { TrainConfig } from '../contract/training.ts';
import type { StepHyperparameters } from './types.ts';

/** Half a cosine from 1 at step 0 towards 0 at step `total` (Loshchilov and Hutter, ICLR 2017). */
export function cosine(step: number, total: number): number {
  return 0.5 * (1 + Math.cos((Math.PI * step) / Math.max(total, 1)));
}

/**
 * Cosine from the given rates towards 0 over exactly `epochs` passes (Loshchilov and Hutter, ICLR 2017, one period), changed at
 * every optimiser step. λ is 0 for the first `warmupEpochs` epochs.
 * @param optimizerStep from 0 over the whole run
 */
export function hyperparametersAt(config: TrainConfig, optimizerStep: number, stepsPerEpoch: number): StepHyperparameters {
  const factor = cosine(optimizerStep, config.epochs * stepsPerEpoch);
  const epoch = Math.floor(optimizerStep / stepsPerEpoch);
  return {
    learningRate: config.learningRate * factor,
    scoreLearningRate: (config.scoreLearningRate ?? config.learningRate) * factor,
    lambda: epoch < config.warmupEpochs ? 0 : config.lambda,
  };
}

/** Optimiser steps of one epoch: an incomplete group of micro-batches at the end is left out, never carried over. */
export function optimizerStepsPerEpoch(batchesPerEpoch: number, accumulate: number): number {
  return Math.max(1, Math.floor(batchesPerEpoch / accumulate));
}
