/** @file What λ does, in numbers that can be known before a run. Pure. */
import type { TrainConfig } from '../../../src-main/contract/training.ts';

/** λ on the slider: 0, then logarithmic. Position 0..100. */
export const LAMBDA_LEAST = 0.03;
export const LAMBDA_MOST = 30;

export function lambdaOf(position: number): number {
  if (position <= 0) return 0;
  const value = LAMBDA_LEAST * (LAMBDA_MOST / LAMBDA_LEAST) ** ((position - 1) / 99);
  return Number(value.toPrecision(2));
}

export function positionOf(lambda: number): number {
  if (lambda <= 0) return 0;
  const position = 1 + (99 * Math.log(lambda / LAMBDA_LEAST)) / Math.log(LAMBDA_MOST / LAMBDA_LEAST);
  return Math.min(100, Math.max(1, Math.round(position)));
}

type Settings = Pick<TrainConfig, 'lambda' | 'learningRate' | 'scoreLearningRate' | 'momentum' | 'optimizer' | 'scoreInit' | 'threshold' | 'epochs' | 'warmupEpochs' | 'batchSize' | 'accumulate'>;

/** Optimiser steps with the penalty on. */
export function penalisedSteps(config: Settings, trainImages: number): number {
  const perEpoch = Math.max(1, Math.floor(Math.ceil(trainImages / config.batchSize) / config.accumulate));
  return perEpoch * Math.max(0, config.epochs - config.warmupEpochs);
}

/**
 * Steps after which the penalty alone carries a score from its start to the threshold: each step moves it by
 * learning rate / (1 − momentum) · λ/L (docs/training.md); AdamW moves it by its learning rate whatever λ is.
 * The cosine schedule halves the rate on average. Infinity without a penalty.
 */
export function stepsToClose(config: Settings, gatedLayers: number): number {
  const rate = config.scoreLearningRate ?? config.learningRate;
  const perStep = config.lambda === 0 ? 0 : config.optimizer === 'adamw' ? rate / 2 : (rate / 2 / (1 - config.momentum)) * (config.lambda / Math.max(1, gatedLayers));
  const margin = Math.max(0, config.scoreInit - config.threshold);
  return perStep === 0 ? Infinity : Math.max(1, Math.ceil(margin / perStep));
}

export type Strength = 'off' | 'weak' | 'medium' | 'strong' | 'extreme';

/** How often the run could close an unhelpful layer: below 1 it cannot close any. */
export function strengthOf(config: Settings, gatedLayers: number, trainImages: number): Strength {
  if (config.lambda === 0) return 'off';
  const times = penalisedSteps(config, trainImages) / stepsToClose(config, gatedLayers);
  if (times < 1.5) return 'weak';
  if (times < 15) return 'medium';
  return times < 300 ? 'strong' : 'extreme';
}
