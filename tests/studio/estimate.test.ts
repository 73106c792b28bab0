/** @file The time estimate: from the same network and size, else scaled and said so, else none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { BaseRecord } from '../../src-main/contract/records.ts';
import type { EpochMetrics } from '../../src-main/contract/training.ts';
import { estimateTime, type PastRun } from '../../src-main/studio/estimate.ts';
import { sampleBase } from '../library/sample-library.ts';
import { quickConfig } from './harness.ts';

function base(id: string, parameters: number, imageSize = 32): BaseRecord {
  const { name, preprocessing, classNames, summary, source } = sampleBase(id);
  const blob = { sha256: '', bytes: 0 };
  return { id, name, graph: blob, weights: blob, preprocessing: { ...preprocessing, imageSize }, classNames, summary: { ...summary, parameters }, source, notes: '', tags: [], createdAt: 0 };
}

function past(of: BaseRecord, secondsPerEpoch: number[], overrides: Parameters<typeof quickConfig>[0] = {}): PastRun {
  const epochs = secondsPerEpoch.map((seconds, epoch) => ({ epoch, seconds }) as EpochMetrics);
  const evaluation = { images: 1, loss: 0, accuracy: 1, confusion: [[1]] };
  return { base: of, run: { config: quickConfig(overrides), result: { epochs, bestEpoch: 0, validation: evaluation, test: evaluation, seconds: 0, engine: '' } }, trainImages: 90, validationImages: 30 };
}

const small = base('small', 100);
const planned = { base: small, config: quickConfig({ epochs: 10 }), trainImages: 180, evaluatedImages: 60 };

test('the same network, size and method: pictures and epochs in proportion, an outlier does not matter', () => {
  const estimate = estimateTime(planned, [past(small, [1, 1, 9]), past(base('large', 10_000), [500])]);
  assert.ok(Math.abs((estimate.seconds ?? 0) - 20) < 1e-9, String(estimate.seconds));
  assert.match(estimate.basis, /one earlier run with small at 32 pixels/);
});

test('another network or size is scaled by parameters and pixels, and the words say so', () => {
  const { seconds, basis } = estimateTime({ ...planned, base: base('twice', 200, 64) }, [past(small, [1])]);
  assert.ok(Math.abs((seconds ?? 0) - 20 * 2 * 4) < 1e-9, String(seconds));
  assert.match(basis, /Scaled from one earlier run .*rough/);
});

test('another method on the same network counts when nothing nearer is known, another engine never', () => {
  assert.match(estimateTime(planned, [past(small, [1], { method: 'taps' })]).basis, /another way/);
  assert.equal(estimateTime(planned, [past(small, [1], { engine: 'reference' })]).seconds, null);
  assert.equal(estimateTime(planned, []).seconds, null);
});
