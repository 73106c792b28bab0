/** @file The λ slider and what it says. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { LAMBDA_LEAST, LAMBDA_MOST, lambdaOf, penalisedSteps, positionOf, stepsToClose, strengthOf } from '../../src-renderer/screens/tune/lambda.ts';

const config = trainConfigSchema.parse({ method: 'taps' });

test('positions and values are each other’s inverse, to the two digits that are shown', () => {
  assert.equal(lambdaOf(0), 0);
  assert.equal(lambdaOf(1), LAMBDA_LEAST);
  assert.equal(lambdaOf(100), LAMBDA_MOST);
  fc.assert(fc.property(fc.integer({ min: 0, max: 100 }), (position) => Math.abs(positionOf(lambdaOf(position)) - position) <= 1));
  fc.assert(fc.property(fc.integer({ min: 0, max: 99 }), (position) => lambdaOf(position) <= lambdaOf(position + 1)));
  assert.equal(positionOf(1000), 100, 'a value beyond the slider');
});

test('steps until a layer closes, by hand: margin 0.05, rate 0.01/2/(1−0.9) = 0.05, λ/L = 1/20', () => {
  assert.equal(stepsToClose(config, 20), 20);
  assert.equal(stepsToClose({ ...config, lambda: 2 }, 20), 10);
  assert.equal(stepsToClose({ ...config, lambda: 0 }, 20), Infinity);
  assert.equal(stepsToClose({ ...config, optimizer: 'adamw', learningRate: 0.001 }, 20), 100);
});

test('steps with penalty count whole optimiser steps after the warm-up', () => {
  assert.equal(penalisedSteps({ ...config, epochs: 10, warmupEpochs: 3, batchSize: 32, accumulate: 1 }, 100), 28);
  assert.equal(penalisedSteps({ ...config, epochs: 10, warmupEpochs: 3, batchSize: 32, accumulate: 2 }, 100), 14);
  assert.equal(penalisedSteps({ ...config, epochs: 3, warmupEpochs: 3 }, 100), 0);
});

test('words grow with λ', () => {
  const words = [0, 0.001, 0.5, 5, 100].map((lambda) => strengthOf({ ...config, lambda }, 53, 355));
  assert.deepEqual(words, ['off', 'weak', 'medium', 'strong', 'extreme']);
});
