/** @file Gates that no longer move: the leaner step learns what the whole one learns with the score rate at 0, and closed layers stay the base's. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import type { Engine } from '../../src-main/engine/types.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';
import type { TrainingSession } from '../../src-main/training/types.ts';

const base = analyseBase(parseOnnx(readFileSync(new URL('../fixtures/taps/record/convnet.onnx', import.meta.url))));
const BATCH = 6;
const SIDE = 12;

/** Different pictures in every step. */
function batch(step: number): { images: Float32Array; labels: Float32Array } {
  const labels = new Float32Array(BATCH * 3);
  for (let row = 0; row < BATCH; row++) labels[row * 3 + ((row + step) % 3)] = 1;
  return { images: Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, (_, index) => Math.sin(index * (0.11 + 0.01 * step))), labels };
}

function open(engine: Engine, overrides: Partial<TrainConfig>): Promise<TrainingSession> {
  return createTrainingSession({
    engine,
    base,
    baseId: '0'.repeat(64),
    config: trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, threads: 1, ...overrides }),
    classNames: ['a', 'b', 'c'],
    preprocessing: { imageSize: SIDE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  });
}

async function learn(session: TrainingSession, from: number, count: number, scoreLearningRate: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = from; step < from + count; step++) losses.push((await session.trainStep(batch(step), { learningRate: 0.02, scoreLearningRate, lambda: scoreLearningRate === 0 ? 0 : 1 })).loss);
  return losses;
}

for (const overrides of [{}, { optimizer: 'adamw', learningRate: 0.001 }, { accumulate: 2 }, { weightDecay: 0.01 }] as const) {
  test(`the step of fixed gates learns the same: ${JSON.stringify(overrides)}`, async () => {
    const engine = await createEngine('onnxruntime', { threads: 1 });
    const [whole, lean] = [await open(engine, overrides), await open(engine, overrides)];
    for (const session of [whole, lean]) {
      await learn(session, 0, 4, 0.02);
      await session.setGates((await session.layers()).map((_, layer) => layer % 2 === 1));
    }
    await lean.fixGates();
    await lean.fixGates();
    const expected = await learn(whole, 4, 6, 0);
    const losses = await learn(lean, 4, 6, 0);
    losses.forEach((loss, step) => {
      assert.ok(Math.abs(loss - (expected[step] ?? Number.NaN)) <= 1e-6 * Math.abs(loss), `step ${String(step)}: ${String(loss)} and ${String(expected[step])}`);
    });
    const [theirs, ours] = [whole.artifactOf(await whole.snapshot()), lean.artifactOf(await lean.snapshot())];
    assert.deepEqual(ours.layers, theirs.layers);
    assert.deepEqual([...ours.deltas.keys()], [...theirs.deltas.keys()]);
    assert.equal(ours.deltas.size, Math.floor(ours.layers.length / 2));
    for (const [name, { data }] of [...ours.deltas, ...ours.replaced, ['head', ours.head.weight] as const]) {
      const other = (theirs.deltas.get(name) ?? theirs.replaced.get(name) ?? theirs.head.weight).data;
      const scale = Math.max(1e-6, ...other.map(Math.abs));
      data.forEach((value, index) => {
        assert.ok(Math.abs(value - (other[index] ?? Number.NaN)) <= 1e-5 * scale, `${name}[${String(index)}]: ${String(value)} and ${String(other[index])}`);
      });
    }
    for (const session of [whole, lean]) session.dispose();
    engine.dispose();
  });
}

test('gates that are set anew or restored move again', async () => {
  const engine = await createEngine('onnxruntime', { threads: 1 });
  const session = await open(engine, {});
  const start = await session.snapshot();
  await session.fixGates();
  await learn(session, 0, 2, 0.02);
  assert.deepEqual((await session.layers()).map(({ score }) => score), (await session.layers()).map(() => Math.fround(0.15)), 'scores rest');
  session.restore(start);
  await learn(session, 0, 2, 0.02);
  assert.notDeepEqual((await session.layers()).map(({ score }) => score), (await session.layers()).map(() => Math.fround(0.15)));
  await session.setGates((await session.layers()).map(() => false));
  await session.fixGates();
  await learn(session, 2, 2, 0.02);
  assert.equal(session.artifactOf(await session.snapshot()).deltas.size, 0);
  session.dispose();
  engine.dispose();
});
