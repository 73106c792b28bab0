/** @file The same Δ, δ, s, losses and logits as joint training in PyTorch from the same start (tests/fixtures/taps/joint). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jointConfigSchema, type JointVariant } from '../../src-main/contract/joint.ts';
import { elementCount, type FloatTensor } from '../../src-main/contract/tensors.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { cutClasses } from '../../src-main/training/joint/joint-plan.ts';
import { JointSession } from '../../src-main/training/joint/joint-session.ts';

interface Recorded {
  base: string;
  variant: JointVariant;
  classes: number[];
  batchSize: number;
  imageSize: number;
  labels: number[][];
  settings: { threshold: number; scoreInit: number; optimizer: 'sgd' | 'adamw'; learningRate: number; scoreLearningRate: number; momentum: number; weightDecay: number };
  sharedLearningRate: number;
  gatedLayers: string[];
  steps: { start: number; lambda: number; crossEntropy: number[]; scores?: number[][]; open?: boolean[][] }[];
}

const folder = new URL('../fixtures/taps/joint/', import.meta.url);
/** Norm of the difference over norm; float32 and float64 runs of the reference differ by less than 1e-5. */
const TOLERANCE = 1e-4;

function tensors(name: string): Map<string, FloatTensor> {
  const file = readSafetensors(readFileSync(new URL(name, folder)));
  return new Map([...file.tensors].map(([key, { shape, data }]) => [key, { shape, data: data as Float32Array }]));
}

function need<T>(value: T | undefined, what: string): T {
  assert.ok(value !== undefined, `${what} is there`);
  return value;
}

function assertClose(actual: ArrayLike<number>, expected: ArrayLike<number>, what: string): void {
  assert.equal(actual.length, expected.length, `${what}: size`);
  const norm = (values: number[]): number => Math.hypot(...values);
  const relative = norm(Array.from(actual, (value, index) => value - (expected[index] ?? Number.NaN))) / Math.max(norm(Array.from(expected)), 1e-6);
  assert.ok(relative <= TOLERANCE, `${what} differs by ${String(relative)}`);
}

/** The rows of a padded batch of logits that belong to a task. */
function rowsOf(logits: Float32Array, padded: number, classes: number): number[] {
  return Array.from({ length: (logits.length / padded) * classes }, (_, index) => logits[Math.floor(index / classes) * padded + (index % classes)] ?? Number.NaN);
}

for (const variant of ['exact-convnet-sgd', 'exact-vit-adamw', 'two-stage-convnet-sgd']) {
  test(`${variant} follows the PyTorch reference`, async (t) => {
    const recorded = JSON.parse(readFileSync(new URL(`${variant}.json`, folder), 'utf8')) as Recorded;
    const { settings, batchSize, imageSize, classes, sharedLearningRate } = recorded;
    const inputs = tensors('inputs.safetensors');
    const engine = await createEngine('onnxruntime', { threads: 1 });
    const base = analyseBase(parseOnnx(readFileSync(new URL(`../record/${recorded.base}`, folder))));
    const config = jointConfigSchema.parse({ variant: recorded.variant, train: trainConfigSchema.parse({ ...settings, method: 'taps', batchSize }), sharedLearningRate });
    const session = await JointSession.create({ engine, base, config, classes, imageSize });
    t.after(() => {
      session.dispose();
      engine.dispose();
    });
    const padded = session.classes;
    assert.equal(padded, Math.max(...classes));
    const start = await session.snapshot();
    for (const task of classes.keys()) {
      for (const part of ['head/weight', 'head/bias']) {
        const key = `task/${String(task)}/${part}`;
        const place = need(start.get(key), key);
        const data = place.data.slice();
        data.set(need(inputs.get(key), key).data);
        start.set(key, { shape: place.shape, data });
      }
    }
    session.restore(start);

    const pixels = elementCount([3, imageSize, imageSize]);
    const picturesOf = (task: number, first: number): Float32Array => need(inputs.get(`task/${String(task)}/images`), 'images').data.slice(first * pixels, (first + batchSize) * pixels);
    for (const [number, step] of recorded.steps.entries()) {
      for (const task of classes.keys()) {
        const labels = new Float32Array(batchSize * padded);
        for (let row = 0; row < batchSize; row++) labels[row * padded + (recorded.labels[task]?.[step.start + row] ?? 0)] = 1;
        const hyper = { learningRate: settings.learningRate, scoreLearningRate: settings.scoreLearningRate, lambda: step.lambda };
        const { loss } = await session.taskStep(task, { images: picturesOf(task, step.start), labels }, hyper);
        assertClose([loss], [step.crossEntropy[task] ?? Number.NaN], `step ${String(number)}, task ${String(task)}: loss`);
        // A look at another task between micro-batches changes nothing.
        if (number % 5 === 2) await session.evaluateStep(classes.length - 1 - task, picturesOf(task, 0));
      }
      await session.sharedStep(sharedLearningRate);
      for (const [task, scores] of (step.scores ?? []).entries()) {
        const layers = await session.layers(task);
        assert.deepEqual(layers.map(({ name }) => name), recorded.gatedLayers);
        assertClose(layers.map(({ score }) => score ?? Number.NaN), scores, `step ${String(number)}, task ${String(task)}: scores`);
        assert.deepEqual(layers.map(({ open }) => open), step.open?.[task], `step ${String(number)}, task ${String(task)}: open layers`);
      }
    }

    const end = await session.weights();
    const expected = tensors(`${variant}.safetensors`);
    const compared = [...expected.keys()].filter((key) => !key.endsWith('/logits'));
    for (const key of compared) {
      const match = /^task\/(\d)\/(.+)$/.exec(key);
      const actual = need(end.get(key), key);
      const own = match === null ? actual : cutClasses(match[2] ?? '', actual, classes[Number(match[1])] ?? 0);
      assertClose(own.data, need(expected.get(key), key).data, key);
    }
    // Everything that is computed with is in the record.
    assert.deepEqual([...end.keys()].sort(), compared.sort());
    for (const [task, count] of classes.entries()) {
      const logits = need(expected.get(`task/${String(task)}/logits`), 'logits').data;
      for (let first = 0; first < logits.length / count; first += batchSize) {
        const actual = rowsOf(await session.evaluateStep(task, picturesOf(task, first)), padded, count);
        assertClose(actual, logits.slice(first * count, (first + batchSize) * count), `task ${String(task)}: logits from ${String(first)}`);
      }
    }
  });
}
