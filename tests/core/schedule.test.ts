/** @file Step sizes, penalty phase and selection. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { trainConfigSchema, type EpochMetrics } from '../../src-main/contract/training.ts';
import { hyperparametersAt, optimizerStepsPerEpoch } from '../../src-main/training/schedule.ts';
import { isBetter, isEligible } from '../../src-main/training/selection.ts';

const config = trainConfigSchema.parse({ method: 'taps', epochs: 10, learningRate: 0.2, scoreLearningRate: 0.05, warmupEpochs: 3, lambda: 0.7 });

test('cosine from the full rate towards zero over exactly the epochs; scores have their own', () => {
  const first = hyperparametersAt(config, 0, 5);
  assert.deepEqual([first.learningRate, first.scoreLearningRate], [0.2, 0.05]);
  const middle = hyperparametersAt(config, 25, 5);
  assert.ok(Math.abs(middle.learningRate - 0.1) < 1e-12);
  const last = hyperparametersAt(config, 49, 5);
  assert.ok(last.learningRate > 0 && last.learningRate < 0.001);
  assert.equal(hyperparametersAt({ ...config, scoreLearningRate: null }, 0, 5).scoreLearningRate, 0.2);
});

test('no penalty before the end of the warm-up', () => {
  assert.equal(hyperparametersAt(config, 14, 5).lambda, 0);
  assert.equal(hyperparametersAt(config, 15, 5).lambda, 0.7);
});

test('incomplete groups of micro-batches are left out', () => {
  assert.deepEqual([optimizerStepsPerEpoch(10, 4), optimizerStepsPerEpoch(3, 4), optimizerStepsPerEpoch(8, 1)], [2, 1, 8]);
});

const metrics = (validationAccuracy: number, openBytes: number, validationLoss: number): EpochMetrics => ({
  epoch: 0, trainLoss: 0, trainAccuracy: 0, validationLoss, validationAccuracy, openLayers: 0, openBytes, learningRate: 0, seconds: 0, scores: [],
});

test('accuracy first, then size, then loss, then the later epoch', () => {
  assert.ok(isBetter(metrics(0.5, 9, 9), undefined));
  assert.ok(isBetter(metrics(0.6, 9, 9), metrics(0.5, 1, 1)));
  assert.ok(!isBetter(metrics(0.5, 1, 1), metrics(0.6, 9, 9)));
  assert.ok(isBetter(metrics(0.5, 1, 9), metrics(0.5, 2, 1)));
  assert.ok(!isBetter(metrics(0.5, 2, 2), metrics(0.5, 2, 1)));
  assert.ok(isBetter(metrics(0.5, 2, 1), metrics(0.5, 2, 1)));
});

test('epochs before gates could settle are not eligible for TAPS, always for other methods', () => {
  assert.deepEqual([2, 3, 5, 6, 9].map((epoch) => isEligible(epoch, config)), [false, false, false, true, true]);
  assert.deepEqual([0, 2, 5, 6, 9].map((epoch) => isEligible(epoch, { ...config, epochs: 10, budget: { share: 0.5 } })), [false, false, false, true, true]);
  assert.ok(isEligible(0, { ...config, epochs: 1, budget: { share: 0.5 } }));
  assert.ok(isEligible(0, { ...config, method: 'full-fine-tuning' }));
  assert.ok(isEligible(0, { ...config, lambda: 0 }));
  assert.ok(isEligible(0, { ...config, warmupEpochs: 10 }));
});
