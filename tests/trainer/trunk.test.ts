/** @file A trunk: the network is cut in two, the lower part stays the base's, and what it makes of a picture may come from a cache. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { TrainerEvent } from '../../src-main/contract/trainer-protocol.ts';
import { trainConfigSchema, type TrainConfig } from '../../src-main/contract/training.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { decodeTaskFile } from '../../src-main/formats/task-file.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import type { BaseModel } from '../../src-main/graph/types.ts';
import { ActivationCache } from '../../src-main/trainer/activation-cache.ts';
import { LoopControl } from '../../src-main/trainer/control.ts';
import { runPredictJob } from '../../src-main/trainer/predict-job.ts';
import { runTrainJob } from '../../src-main/trainer/train-job.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';
import { chooseTrunk, possibleCuts } from '../../src-main/training/trunk/trunk.ts';
import type { TrainingSession } from '../../src-main/training/types.ts';
import { makeTinyRun, type TinyRun } from '../helpers/tiny-run.ts';

const SIDE = 32;
const BATCH = 4;
const models = new URL('../fixtures/models/', import.meta.url);
const load = (name: string): BaseModel => analyseBase(parseOnnx(readFileSync(new URL(`${name}.onnx`, models))));

function pictures(): { images: Float32Array; labels: Float32Array } {
  const labels = new Float32Array(BATCH * 3);
  for (let row = 0; row < BATCH; row++) labels[row * 3 + (row % 3)] = 1;
  return { images: Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, (_, index) => Math.sin(index * 0.11)), labels };
}

async function sessionOf(base: BaseModel, overrides: Partial<TrainConfig>): Promise<TrainingSession> {
  const engine = await createEngine('onnxruntime', { threads: 1 });
  return createTrainingSession({
    engine,
    base,
    baseId: '0'.repeat(64),
    config: trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, threads: 1, ...overrides }),
    classNames: ['a', 'b', 'c'],
    preprocessing: { imageSize: SIDE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  });
}

/** The same four pictures again and again; returns the losses. */
async function learn(session: TrainingSession, steps: number): Promise<number[]> {
  const losses: number[] = [];
  for (let step = 0; step < steps; step++) losses.push((await session.trainStep(pictures(), { learningRate: 0.01, scoreLearningRate: 0.01, lambda: 0 })).loss);
  return losses;
}

for (const name of ['resnet', 'densenet', 'vit', 'convnext', 'mobilenet', 'efficientnet']) {
  test(`${name}: cuts grow from the picture to the head, and their two parts are the network`, () => {
    const base = load(name);
    const cuts = possibleCuts(base, { batchSize: BATCH, imageSize: SIDE });
    assert.ok(cuts.length >= 3, String(cuts.length));
    cuts.forEach(({ share, below, above }, index) => {
      assert.ok(share > 0 && share <= 1 && share >= (cuts[index - 1]?.share ?? 0));
      assert.equal(below.length + above.length, (cuts[0]?.below.length ?? 0) + (cuts[0]?.above.length ?? 0));
    });
    assert.equal(cuts.at(-1)?.value.name, base.head.featureValue);
  });

  test(`${name}: a session above a trunk infers what the whole network does, learns, and leaves the trunk the base's`, async () => {
    const base = load(name);
    const middle = possibleCuts(base, { batchSize: BATCH, imageSize: SIDE }).findLast(({ share }) => share < 0.9)?.share ?? 0;
    const [cut, whole] = [await sessionOf(base, { trunkShare: middle }), await sessionOf(base, {})];
    assert.ok(cut.trunk !== null && Math.abs(cut.trunk.share - middle) < 1e-9);
    const { images } = pictures();
    const expected = await whole.evaluateStep(images);
    const [direct, kept] = [await cut.evaluateStep(images), await cut.evaluateStep({ activations: await cut.trunk.run(images) })];
    assert.deepEqual(direct, kept);
    direct.forEach((value, index) => {
      assert.ok(Math.abs(value - (expected[index] ?? Number.NaN)) <= 1e-4 * Math.max(1, Math.abs(value)), `${String(value)} and ${String(expected[index])}`);
    });
    const losses = await learn(cut, 8);
    assert.ok((losses.at(-1) ?? 1) < (losses[0] ?? 0), losses.join(' '));
    const layers = await cut.layers();
    assert.deepEqual(layers.map((layer) => layer.name), (await whole.layers()).map((layer) => layer.name));
    const below = new Set(chooseTrunk(base, { batchSize: BATCH, imageSize: SIDE }, middle).below.flatMap(({ inputs }) => inputs));
    const artifact = cut.artifactOf(await cut.snapshot());
    for (const { name: layer, score, open } of layers) {
      assert.equal(score === null, below.has(layer), layer);
      assert.equal(open, !below.has(layer) && artifact.deltas.has(layer));
    }
    for (const changed of [...artifact.deltas.keys(), ...artifact.replaced.keys()]) assert.ok(!below.has(changed), changed);
    assert.ok(artifact.deltas.size > 0);
    await cut.setGates(layers.map(({ score }, index) => score !== null && index % 2 === 0));
    await cut.fixGates();
    await learn(cut, 2);
    cut.dispose();
    whole.dispose();
  });
}

test('a trunk that cannot be is refused with the smallest that can', async () => {
  await assert.rejects(sessionOf(load('mobilenet'), { trunkShare: 0.05 }), /at most 5\.0 % of a forward pass/u);
  await assert.rejects(sessionOf(load('mobilenet'), { trunkShare: 0.05 }), (error: Error & { action?: string }) => /Give at least 12\.\d %/u.test(JSON.stringify(error) + (error.action ?? '')));
});

test('a linear probe has all of the network as its trunk', async () => {
  const base = load('resnet');
  const session = await sessionOf(base, { method: 'linear-probe' });
  assert.equal(session.trunk?.length, base.head.features);
  assert.equal(session.trunk.share, 1);
  session.dispose();
});

describe('a run with a trunk', () => {
  let tiny: TinyRun;
  before(async () => {
    tiny = await makeTinyRun(10);
  });
  after(() => {
    tiny.remove();
  });

  async function run(overrides: Partial<TrainConfig>, name: string): Promise<{ bytes: Buffer; event: Extract<TrainerEvent, { kind: 'done' }> }> {
    const job = tiny.job({ trunkShare: 0.5, epochs: 4, warmupEpochs: 1, ...overrides }, name);
    const event = await runTrainJob(job, new LoopControl(), () => undefined);
    assert.ok(event.kind === 'done');
    assert.deepEqual(readdirSync(job.runFolder).filter((file) => file.endsWith('.cache')), [], 'the cache is gone');
    return { bytes: readFileSync(event.artifactPath), event };
  }

  for (const trunkPrecision of ['float32', 'float16'] as const) {
    test(`a head start's activations serve the first epoch, whatever room there is: ${trunkPrecision}`, async () => {
      const inMemory = await run({ headStart: true, trunkPrecision }, `start-memory-${trunkPrecision}`);
      assert.deepEqual((await run({ headStart: true, trunkPrecision, trunkMemory: 0 }, `start-nowhere-${trunkPrecision}`)).bytes, inMemory.bytes);
      assert.deepEqual((await run({ headStart: true, trunkPrecision, trunkMemory: 0, trunkDisk: 50 }, `start-disk-${trunkPrecision}`)).bytes, inMemory.bytes);
    });
  }

  for (const views of [0, 2]) {
    test(`ends with the same bytes whatever room the cache has; views: ${String(views)}`, async () => {
      const inMemory = await run({ views }, `memory-${String(views)}`);
      const nowhere = await run({ views, trunkMemory: 0 }, `nowhere-${String(views)}`);
      const onDisk = await run({ views, trunkMemory: 0, trunkDisk: 50 }, `disk-${String(views)}`);
      assert.deepEqual(nowhere.bytes, inMemory.bytes);
      assert.deepEqual(onDisk.bytes, inMemory.bytes);
      const scores = inMemory.event.result.epochs[0]?.scores ?? [];
      assert.equal(scores.length, decodeTaskFile(inMemory.bytes).layers.length);
    });

    test(`rounded to float16, too; views: ${String(views)}`, async () => {
      const half = { views, trunkPrecision: 'float16' } as const;
      const inMemory = await run(half, `half-memory-${String(views)}`);
      assert.deepEqual((await run({ ...half, trunkMemory: 0 }, `half-nowhere-${String(views)}`)).bytes, inMemory.bytes);
      assert.deepEqual((await run({ ...half, trunkMemory: 0, trunkDisk: 50 }, `half-disk-${String(views)}`)).bytes, inMemory.bytes);
      const whole = await run({ views }, `half-whole-${String(views)}`);
      assert.notDeepEqual(inMemory.bytes, whole.bytes);
      inMemory.event.result.epochs.forEach(({ trainLoss }, epoch) => {
        const expected = whole.event.result.epochs[epoch]?.trainLoss ?? Number.NaN;
        assert.ok(Math.abs(trainLoss - expected) <= 0.02 * expected, `epoch ${String(epoch)}: ${String(trainLoss)} and ${String(expected)}`);
      });
    });
  }

  test('a result learnt from rounded activations is judged as a prediction answers', async () => {
    const job = tiny.job({ trunkShare: 0.5, epochs: 3, warmupEpochs: 1, trunkPrecision: 'float16' }, 'judged');
    const done = await runTrainJob(job, new LoopControl(), () => undefined);
    assert.ok(done.kind === 'done');
    const data = openPreparedSet(job.preparedFolder);
    const predicted = await runPredictJob({ base: job.base, artifactPath: done.artifactPath, preparedFolder: job.preparedFolder, indices: data.indicesOf('test'), engine: 'onnxruntime', threads: 1 });
    assert.ok(predicted.kind === 'predicted' && predicted.evaluation !== null);
    assert.deepEqual(predicted.evaluation.confusion, done.result.test.confusion);
    assert.ok(Math.abs(predicted.evaluation.loss - done.result.test.loss) <= 1e-5);
  });

  test('views are taken in turn: with one, every epoch has the same pictures', async () => {
    const once = await run({ views: 1, epochs: 3 }, 'once');
    const many = await run({ views: 0, epochs: 3 }, 'many');
    assert.notDeepEqual(once.bytes, many.bytes);
    const still = await run({ views: 3, epochs: 3 }, 'three');
    assert.deepEqual(still.bytes, many.bytes, 'as many views as epochs are new ones in every epoch');
  });

  test('holds a budget that its open layers above the trunk decide', async () => {
    const { event, bytes } = await run({ budget: { kind: 'share', share: 0.6, bitsPerWeight: 32 }, epochs: 6 }, 'budget');
    assert.ok(bytes.length <= (event.result.budget?.limitBytes ?? 0));
    for (const { score, open } of decodeTaskFile(bytes).layers) assert.ok(score !== null || !open);
  });
});

for (const [precision, bytes] of [['float32', 4], ['float16', 2]] as const) {
  test(`the cache keeps what it has room for, in memory and then on disk, and gives back what it was given: ${precision}`, () => {
    const folder = mkdtempSync(join(tmpdir(), 'taps-cache-'));
    try {
      const path = join(folder, 'a.cache');
      const cache = new ActivationCache(5, precision, { memoryBytes: 10 * bytes, diskBytes: 11 * bytes + 1, path });
      const value = (n: number): Float32Array => Float32Array.from({ length: 5 }, (_, index) => n + index / 8);
      for (let n = 0; n < 6; n++) cache.put(String(n), value(n));
      const out = new Float32Array(10);
      for (let n = 0; n < 6; n++) {
        out.fill(-1);
        const known = cache.get(String(n), out, 5);
        assert.equal(known, n < 4, String(n));
        assert.deepEqual([...out], [...Array<number>(5).fill(-1), ...(known ? value(n) : Array<number>(5).fill(-1))]);
      }
      assert.deepEqual(readdirSync(folder), ['a.cache']);
      assert.equal(statSync(path).size, 10 * bytes);
      cache.dispose();
      assert.deepEqual(readdirSync(folder), []);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
}
