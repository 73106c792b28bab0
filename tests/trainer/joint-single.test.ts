/** @file One task whose shared part stays at 0 is TAPS as it is learnt alone: the same bits after every step. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jointConfigSchema } from '../../src-main/contract/joint.ts';
import type { Preprocessing } from '../../src-main/contract/preprocessing.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { RandomStream } from '../../src-main/core/random.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { JointSession } from '../../src-main/training/joint/joint-session.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

const CLASSES = 4;
const BATCH = 6;
const SIDE = 12;

for (const [optimizer, base, accumulate] of [['sgd', 'convnet', 1], ['adamw', 'vit', 1], ['sgd', 'convnet', 3], ['adamw', 'vit', 2]] as const) {
  test(`one task with Δ held at 0 equals the run of a single task bit for bit (${optimizer}, ${String(accumulate)} micro-batches)`, async (t) => {
    const model = analyseBase(parseOnnx(readFileSync(new URL(`../fixtures/taps/record/${base}.onnx`, import.meta.url))));
    const train = trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, accumulate, optimizer, learningRate: optimizer === 'sgd' ? 0.02 : 0.002, scoreLearningRate: 0.02, weightDecay: 0.01, seed: 7 });
    const engine = await createEngine('onnxruntime', { threads: 1 });
    const classNames = Array.from({ length: CLASSES }, (_, index) => String(index));
    const preprocessing: Preprocessing = { imageSize: SIDE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' };
    const single = await createTrainingSession({ engine, base: model, baseId: '0'.repeat(64), config: train, classNames, preprocessing });
    const joint = await JointSession.create({ engine, base: model, config: { ...jointConfigSchema.parse({ train: { ...train, accumulate: 1 }, sharedLearningRate: 0 }), train }, classes: [CLASSES], imageSize: SIDE });
    t.after(() => {
      single.dispose();
      joint.dispose();
      engine.dispose();
    });
    const random = new RandomStream(5, 'augment');
    const closed = new Set<string>();
    for (let micro = 1; micro <= 12 * accumulate; micro++) {
      const step = Math.floor((micro - 1) / accumulate);
      const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
      const labels = new Float32Array(BATCH * CLASSES);
      for (let row = 0; row < BATCH; row++) labels[row * CLASSES + ((row + micro) % CLASSES)] = 1;
      const hyper = { learningRate: train.learningRate, scoreLearningRate: 0.02, lambda: 0.5 };
      const expected = await single.trainStep({ images, labels }, hyper);
      const actual = await joint.taskStep(0, { images, labels }, hyper);
      assert.equal(actual.loss, expected.loss, `loss of step ${String(step)}`);
      assert.deepEqual(actual.logits, expected.logits);
      if (micro % accumulate !== 0) continue;
      await joint.sharedStep(0);
      const ofJoint = await joint.snapshot();
      for (const [name, { data }] of await single.snapshot()) assert.deepEqual(ofJoint.get(`task/0/${name}`)?.data, data, `${name} after step ${String(step)}`);
      for (const [name, { data }] of ofJoint) if (name.startsWith('shared/')) assert.ok(data.every((value) => value === 0), name);
      assert.deepEqual(await joint.layers(0), await single.layers());
      for (const { name, open } of await joint.layers(0)) if (!open) closed.add(name);
      assert.deepEqual(await joint.evaluateStep(0, images), await single.evaluateStep(images));
    }
    assert.ok(closed.size > 0, 'gates closed on the way');
    assert.deepEqual(joint.artifactOf(0, await joint.weights(), { baseId: '0'.repeat(64), classNames, preprocessing }), single.artifactOf(await single.snapshot()));
    assert.equal(await joint.openBytes(0), await single.openBytes());
  });
}

for (const variant of ['exact', 'two-stage'] as const) {
  test(`${variant}: smaller micro-batches make the same optimiser steps where normalisation does not look at the batch`, async (t) => {
    const model = analyseBase(parseOnnx(readFileSync(new URL('../fixtures/taps/record/vit.onnx', import.meta.url))));
    const train = trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, optimizer: 'sgd', learningRate: 0.02, seed: 7 });
    const engine = await createEngine('onnxruntime', { threads: 1 });
    const config = jointConfigSchema.parse({ train, variant });
    const classes = [CLASSES, 2];
    const whole = await JointSession.create({ engine, base: model, config, classes, imageSize: SIDE });
    const parts = await JointSession.create({ engine, base: model, config: { ...config, train: { ...train, batchSize: BATCH / 3, accumulate: 3 } }, classes, imageSize: SIDE });
    t.after(() => {
      whole.dispose();
      parts.dispose();
      engine.dispose();
    });
    const random = new RandomStream(6, 'augment');
    const hyper = { learningRate: 0.02, scoreLearningRate: 0.02, lambda: 0.5 };
    for (let step = 0; step < 4; step++) {
      for (const [task, count] of classes.entries()) {
        const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
        const labels = new Float32Array(BATCH * CLASSES);
        for (let row = 0; row < BATCH; row++) labels[row * CLASSES + ((row + step) % count)] = 1;
        const { loss } = await whole.taskStep(task, { images, labels }, hyper);
        let sum = 0;
        for (let micro = 0; micro < 3; micro++) {
          const part = (values: Float32Array): Float32Array => values.subarray((micro * values.length) / 3, ((micro + 1) * values.length) / 3);
          sum += (await parts.taskStep(task, { images: part(images), labels: part(labels) }, hyper)).loss;
        }
        assert.ok(Math.abs(sum / 3 - loss) <= 1e-5 * loss, `${String(sum / 3)} and ${String(loss)}`);
      }
      await whole.sharedStep(0.02);
      await parts.sharedStep(0.02);
    }
    const expected = await whole.weights();
    for (const [name, { data }] of await parts.weights()) {
      const other = expected.get(name)?.data ?? new Float32Array();
      const scale = Math.max(1e-4, ...other.map((value) => (Math.abs(value) < 1e8 ? Math.abs(value) : 0)));
      data.forEach((value, index) => {
        assert.ok(Math.abs(value - (other[index] ?? Number.NaN)) <= 1e-4 * scale, `${name}[${String(index)}]: ${String(value)} and ${String(other[index])}`);
      });
    }
  });
}
