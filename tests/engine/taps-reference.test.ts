/** @file The same δ, s and loss as the reference TAPS in PyTorch over 20 steps from the same start (tests/reference/taps_reference.py). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import type { EngineId } from '../../src-main/engine/types.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

interface Entry {
  shape: number[];
  data: number[];
}
interface Fixture {
  settings: { model: string; optimizer: 'sgd' | 'adamw'; lr: number; scoreLr: number; lambda: number; warmupSteps: number; accumulate?: number };
  gated: string[];
  head: { weight: Entry; bias: Entry };
  batches: { images: Entry; labels: number[] }[];
  losses: number[];
  scores: number[][];
  state: Record<string, Entry>;
}

const folder = new URL('../fixtures/taps/', import.meta.url);
/** Relative to the largest value of a tensor. */
const TOLERANCE = 1e-4;
const CLASSES = ['a', 'b', 'c', 'd'];

function largest(values: ArrayLike<number>): number {
  return Math.max(...Array.from(values, Math.abs), 1e-3);
}

for (const engineId of ['onnxruntime', 'reference'] as EngineId[]) {
  // Plain JavaScript is slow: the variants that differ in kind are enough there.
  for (const variant of engineId === 'reference' ? ['convnet-sgd', 'vit-adamw'] : ['convnet-sgd', 'convnet-accumulate', 'vit-adamw']) {
    test(`${variant} on ${engineId} follows the PyTorch reference`, async () => {
      const fixture = JSON.parse(readFileSync(new URL(`${variant}.json`, folder), 'utf8')) as Fixture;
      const { settings } = fixture;
      const accumulate = settings.accumulate ?? 1;
      const base = analyseBase(parseOnnx(readFileSync(new URL(`${settings.model}.onnx`, folder))));
      const engine = await createEngine(engineId, { threads: 1 });
      const config = trainConfigSchema.parse({ method: 'taps', optimizer: settings.optimizer, batchSize: 6, accumulate, lambda: settings.lambda });
      const session = await createTrainingSession({
        engine,
        base,
        baseId: '0'.repeat(64),
        config,
        classNames: CLASSES,
        preprocessing: { imageSize: 12, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
      });
      const start = await session.snapshot();
      start.set('head/weight', { shape: fixture.head.weight.shape, data: Float32Array.from(fixture.head.weight.data) });
      start.set('head/bias', { shape: fixture.head.bias.shape, data: Float32Array.from(fixture.head.bias.data) });
      session.restore(start);
      const order = (await session.layers()).map((layer) => layer.name);
      assert.deepEqual([...order].sort(), [...fixture.gated].sort(), 'the same layers are gated');

      for (const [step, expectedLoss] of fixture.losses.entries()) {
        let loss = 0;
        for (let micro = 0; micro < accumulate; micro++) {
          const batch = fixture.batches[(step * accumulate + micro) % fixture.batches.length];
          assert.ok(batch);
          const labels = new Float32Array(6 * CLASSES.length);
          batch.labels.forEach((label, row) => (labels[row * CLASSES.length + label] = 1));
          const outcome = await session.trainStep(
            { images: Float32Array.from(batch.images.data), labels },
            { learningRate: settings.lr, scoreLearningRate: settings.scoreLr, lambda: step >= settings.warmupSteps ? settings.lambda : 0 },
          );
          loss += outcome.loss / accumulate;
        }
        assert.ok(Math.abs(loss - expectedLoss) <= TOLERANCE * Math.abs(expectedLoss), `step ${String(step)}: loss ${String(loss)}, reference ${String(expectedLoss)}`);
        const expectedScores = new Map(fixture.gated.map((name, index) => [name, fixture.scores[step]?.[index] ?? Number.NaN]));
        for (const layer of await session.layers()) {
          const expected = expectedScores.get(layer.name) ?? Number.NaN;
          assert.ok(Math.abs((layer.score ?? Number.NaN) - expected) <= TOLERANCE, `step ${String(step)}: score of ${layer.name} ${String(layer.score)}, reference ${String(expected)}`);
        }
      }
      const end = await session.snapshot();
      let compared = 0;
      for (const [name, expected] of Object.entries(fixture.state)) {
        const actual = end.get(name);
        assert.ok(actual, `the state has ${name}`);
        const scale = largest(expected.data);
        const worst = Math.max(...actual.data.map((value, index) => Math.abs(value - (expected.data[index] ?? Number.NaN))));
        assert.ok(worst <= TOLERANCE * scale, `${name} differs by ${String(worst)} of ${String(scale)}`);
        compared++;
      }
      // Everything that the session trains is in the fixture: deltas, values, head.
      const own = [...end.keys()].filter((name) => /^(delta|value|head)\//.test(name));
      assert.equal(compared, own.length, 'every trained tensor was compared');
      session.dispose();
      engine.dispose();
    });
  }
}
