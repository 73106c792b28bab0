/** @file Methods without gates: the same loss in every step and the same parameters at the end as in PyTorch (tests/fixtures/methods). */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { elementCount } from '../../src-main/contract/tensors.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

interface Recorded {
  base: string;
  classes: number;
  batchSize: number;
  labels: number[];
  accumulate: number;
  config: Record<string, unknown> & { method: string; learningRate: number };
  steps: { batches: number[]; crossEntropy: number }[];
  switchedOff: number;
}

const records = new URL('../fixtures/methods/', import.meta.url);
const bases = new URL('../fixtures/taps/record/', import.meta.url);
const IMAGE_SIZE = 12;
/** Relative to the largest value of a tensor; float32 and float64 runs of the reference differ by 2e-6. */
const TOLERANCE = 1e-4;

function tensors(url: URL): Map<string, Float32Array> {
  return new Map([...readSafetensors(readFileSync(url)).tensors].map(([key, { data }]) => [key, data as Float32Array]));
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

async function follow(engineId: 'onnxruntime' | 'reference', variant: string): Promise<void> {
  const recorded = JSON.parse(readFileSync(new URL(`${variant}.json`, records), 'utf8')) as Recorded;
  const expected = tensors(new URL(`${variant}.safetensors`, records));
  const inputs = tensors(new URL('inputs.safetensors', bases));
  const { batchSize, classes, accumulate, config } = recorded;
  const engine = await createEngine(engineId, { threads: 1 });
  const base = analyseBase(parseOnnx(readFileSync(new URL(`${recorded.base}.onnx`, bases))));
  const session = await createTrainingSession({
    engine,
    base,
    baseId: '0'.repeat(64),
    config: trainConfigSchema.parse({ ...config, batchSize, accumulate }),
    classNames: Array.from({ length: classes }, (_, index) => String(index)),
    preprocessing: { imageSize: IMAGE_SIZE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  });
  const start = await session.snapshot();
  const given = [['head/weight', `${recorded.base}/head/weight`, inputs], ['head/bias', `${recorded.base}/head/bias`, inputs]] as const;
  for (const [entry, key, source] of given) start.set(entry, { shape: need(start.get(entry), entry).shape, data: need(source.get(key), key) });
  for (const [key, data] of expected) {
    if (!key.startsWith('start/')) continue;
    const entry = key.slice('start/'.length);
    const own = need(start.get(entry), entry);
    const bound = 1 / Math.sqrt(own.shape[1] ?? 0);
    assert.ok(own.data.every((value) => Math.abs(value) <= bound) && new Set(own.data).size > 1, `${entry} starts uniform in ±${String(bound)}`);
    start.set(entry, { shape: own.shape, data });
  }
  session.restore(start);

  const images = need(inputs.get('images'), 'images');
  const pixels = elementCount([3, IMAGE_SIZE, IMAGE_SIZE]);
  const hyper = { learningRate: config.learningRate, scoreLearningRate: config.learningRate, lambda: 0 };
  for (const [number, step] of recorded.steps.entries()) {
    let loss = 0;
    for (const first of step.batches) {
      const labels = new Float32Array(batchSize * classes);
      for (let row = 0; row < batchSize; row++) labels[row * classes + (recorded.labels[first + row] ?? 0)] = 1;
      loss += (await session.trainStep({ images: images.slice(first * pixels, (first + batchSize) * pixels), labels }, hyper)).loss / accumulate;
    }
    assert.ok(Math.abs(loss - step.crossEntropy) <= TOLERANCE * step.crossEntropy, `step ${String(number)}: loss ${String(loss)}, reference ${String(step.crossEntropy)}`);
  }

  const end = await session.snapshot();
  const own = [...end.keys()].filter((name) => !/^(momentum|moment2|accumulated|optimizer)\//.test(name));
  assert.deepEqual(own.sort(), [...expected.keys()].filter((key) => key !== 'logits' && !key.startsWith('start/')).sort());
  for (const name of own) assertClose(need(end.get(name), name).data, need(expected.get(name), name), name);

  const logits = need(expected.get('logits'), 'logits');
  const artifact = decodeTaskFile(encodeTaskFile(session.artifactOf(end)));
  if (recorded.switchedOff > 0) {
    const off = [...artifact.transforms.values()].reduce((sum, transform) => {
      assert.ok(transform.kind === 'mask');
      return sum + [...transform.bits].reduce((bits, byte) => bits + byte.toString(2).replaceAll('0', '').length, 0);
    }, 0);
    const all = artifact.layers.reduce((sum, { parameters }) => sum + parameters, 0);
    assert.equal(all - off, recorded.switchedOff);
  }
  const predictor = await createPredictor({ engine, base, artifact, batchSize });
  for (let first = 0; first < recorded.labels.length; first += batchSize) {
    const batch = images.slice(first * pixels, (first + batchSize) * pixels);
    const wanted = logits.subarray(first * classes, (first + batchSize) * classes);
    assertClose(await session.evaluateStep(batch), wanted, 'logits while training');
    assertClose(await predictor.logits(batch), wanted, 'logits of the stored task');
  }
  predictor.dispose();
  session.dispose();
  engine.dispose();
}

for (const file of readdirSync(records).filter((name) => name.endsWith('.json'))) {
  const variant = file.replace('.json', '');
  for (const engine of ['onnxruntime', 'reference'] as const) {
    test(`${variant} on ${engine} follows the PyTorch reference`, () => follow(engine, variant));
  }
}
