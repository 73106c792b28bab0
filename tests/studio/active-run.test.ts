/** @file What the studio makes of a trainer's events: news once, and how a run went on by itself. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RunRecord } from '../../src-main/contract/records.ts';
import type { EpochMetrics, Recovery } from '../../src-main/contract/training.ts';
import { ActiveRun } from '../../src-main/studio/queue/active-run.ts';

const epoch = (number: number): EpochMetrics => ({ epoch: number, trainLoss: 1, trainAccuracy: 0, validationLoss: 1, validationAccuracy: 0, openLayers: 0, openBytes: 0, learningRate: 0.1, seconds: 1, scores: [] });
const RECORD = { id: 'run', metrics: [epoch(0)] } as unknown as RunRecord;

test('epochs that a resumed trainer tells again are no news', () => {
  const run = new ActiveRun(RECORD);
  assert.equal(run.take({ kind: 'epoch', metrics: epoch(0) }), null);
  assert.equal(run.take({ kind: 'epoch', metrics: epoch(1) }), 'epoch');
  assert.equal(run.take({ kind: 'epoch', metrics: epoch(1) }), null);
});

test('every smaller micro-batch and every lost GPU is kept, oldest first', () => {
  const run = new ActiveRun(RECORD);
  const recoveries: Recovery[] = [
    { reason: 'memory', batchSize: 8, accumulate: 2, message: 'Memory ran out.' },
    { reason: 'device-lost', batchSize: 8, accumulate: 2, message: 'The GPU was lost.' },
  ];
  for (const recovery of recoveries) assert.equal(run.take({ kind: 'recovery', recovery }), 'stage');
  assert.deepEqual(run.recoveries, recoveries);
});
