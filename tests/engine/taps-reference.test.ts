/** @file The same δ, s, loss and optimiser state as the reference TAPS in PyTorch over 20 steps from the same start (tests/fixtures/taps/record). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { elementCount } from '../../src-main/contract/tensors.ts';
import type { EngineId } from '../../src-main/contract/engine-info.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine, describeEngines } from '../../src-main/engine/index.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

interface Recorded {
  base: string;
  classes: number;
  batchSize: number;
  imageSize: number;
  labels: number[];
  accumulate: number;
  settings: { threshold: number; scoreInit: number; optimizer: 'sgd' | 'adamw'; learningRate: number; scoreLearningRate: number; momentum: number; weightDecay: number };
  gatedLayers: string[];
  steps: { batches: number[]; lambda: number; crossEntropy: number; scores: number[]; open: boolean[] }[];
}

const folder = new URL('../fixtures/taps/record/', import.meta.url);
/** Relative to the largest value of a tensor; float32 and float64 runs of the reference differ by 2e-6. */
const TOLERANCE = 1e-4;

function tensors(name: string): Map<string, Float32Array> {
  const file = readSafetensors(readFileSync(new URL(name, folder)));
  return new Map([...file.tensors].map(([key, { data }]) => [key, data as Float32Array]));
}

function need<T>(value: T | undefined, what: string): T {
  assert.ok(value !== undefined, `${what} is there`);
  return value;
}

function assertClose(actual: Float32Array, expected: Float32Array, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: size`);
  const scale = Math.max(...expected.map(Math.abs), 1e-3);
  const worst = Math.max(...actual.map((value, index) => Math.abs(value - (expected[index] ?? Number.NaN))));
  assert.ok(worst <= TOLERANCE * scale, `${what} differs by ${String(worst)} of ${String(scale)}`);
}

async function follow(engineId: EngineId, variant: string): Promise<void> {
  const recorded = JSON.parse(readFileSync(new URL(`${variant}.json`, folder), 'utf8')) as Recorded;
  const { settings, batchSize, imageSize, classes, accumulate } = recorded;
  const inputs = tensors('inputs.safetensors');
  const engine = await createEngine(engineId, { threads: 1 });
  const session = await createTrainingSession({
    engine,
    base: analyseBase(parseOnnx(readFileSync(new URL(recorded.base, folder)))),
    baseId: '0'.repeat(64),
    config: trainConfigSchema.parse({ ...settings, method: 'taps', batchSize, accumulate }),
    classNames: Array.from({ length: classes }, (_, index) => String(index)),
    preprocessing: { imageSize, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  });
  const start = await session.snapshot();
  for (const part of ['head/weight', 'head/bias']) {
    start.set(part, { shape: need(start.get(part), part).shape, data: need(inputs.get(`${recorded.base.replace('.onnx', '')}/${part}`), part) });
  }
  session.restore(start);
  assert.deepEqual((await session.layers()).map(({ name }) => name), recorded.gatedLayers);

  const images = need(inputs.get('images'), 'images');
  const pixels = elementCount([3, imageSize, imageSize]);
  for (const [number, step] of recorded.steps.entries()) {
    let loss = 0;
    for (const first of step.batches) {
      const labels = new Float32Array(batchSize * classes);
      for (let row = 0; row < batchSize; row++) labels[row * classes + (recorded.labels[first + row] ?? 0)] = 1;
      const batch = { images: images.slice(first * pixels, (first + batchSize) * pixels), labels };
      const outcome = await session.trainStep(batch, { learningRate: settings.learningRate, scoreLearningRate: settings.scoreLearningRate, lambda: step.lambda });
      loss += outcome.loss / accumulate;
    }
    assert.ok(Math.abs(loss - step.crossEntropy) <= TOLERANCE * step.crossEntropy, `step ${String(number)}: loss ${String(loss)}, reference ${String(step.crossEntropy)}`);
    const layers = await session.layers();
    assertClose(Float32Array.from(layers, ({ score }) => score ?? Number.NaN), Float32Array.from(step.scores), `step ${String(number)}: scores`);
    assert.deepEqual(layers.map(({ open }) => open), step.open, `step ${String(number)}: open layers`);
  }
  const end = await session.snapshot();
  const expected = tensors(`${variant}.safetensors`);
  const compared = [...expected.keys()].filter((key) => key !== 'logits');
  for (const key of compared) assertClose(need(end.get(key), key).data, need(expected.get(key), key), key);
  // Everything that training changes is in the record.
  const own = [...end.keys()].filter((key) => !key.startsWith('accumulated/') && key !== 'optimizer/step');
  assert.deepEqual(compared.sort(), own.sort());

  const logits = need(expected.get('logits'), 'logits');
  for (let first = 0; first < images.length / pixels; first += batchSize) {
    const actual = await session.evaluateStep(images.slice(first * pixels, (first + batchSize) * pixels));
    assertClose(actual, logits.slice(first * classes, (first + batchSize) * classes), `logits from ${String(first)}`);
  }
  session.dispose();
  engine.dispose();
}

for (const info of await describeEngines()) {
  // Plain JavaScript is slow: one network of each kind is enough there.
  const variants = info.id === 'reference' ? ['vit-adamw'] : ['convnet-sgd', 'convnet-accumulate', 'vit-adamw'];
  for (const variant of variants) {
    test(`${variant} on ${info.id} follows the PyTorch reference`, async (t) => {
      if (info.available) await follow(info.id, variant);
      else t.skip(`needs the engine: ${info.description}`);
    });
  }
}
