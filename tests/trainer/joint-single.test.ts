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

for (const [optimizer, base] of [['sgd', 'convnet'], ['adamw', 'vit']] as const) {
  test(`one task with Δ held at 0 equals the run of a single task bit for bit (${optimizer})`, async (t) => {
    const model = analyseBase(parseOnnx(readFileSync(new URL(`../fixtures/taps/record/${base}.onnx`, import.meta.url))));
    const train = trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, optimizer, learningRate: optimizer === 'sgd' ? 0.02 : 0.002, scoreLearningRate: 0.02, weightDecay: 0.01, seed: 7 });
    const engine = await createEngine('onnxruntime', { threads: 1 });
    const classNames = Array.from({ length: CLASSES }, (_, index) => String(index));
    const preprocessing: Preprocessing = { imageSize: SIDE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' };
    const single = await createTrainingSession({ engine, base: model, baseId: '0'.repeat(64), config: train, classNames, preprocessing });
    const joint = await JointSession.create({ engine, base: model, config: jointConfigSchema.parse({ train, sharedLearningRate: 0 }), classes: [CLASSES], imageSize: SIDE });
    t.after(() => {
      single.dispose();
      joint.dispose();
      engine.dispose();
    });
    const random = new RandomStream(5, 'augment');
    const closed = new Set<string>();
    for (let step = 0; step < 12; step++) {
      const images = Float32Array.from({ length: BATCH * 3 * SIDE * SIDE }, () => random.normal());
      const labels = new Float32Array(BATCH * CLASSES);
      for (let row = 0; row < BATCH; row++) labels[row * CLASSES + ((row + step) % CLASSES)] = 1;
      const hyper = { learningRate: train.learningRate, scoreLearningRate: 0.02, lambda: 0.5 };
      const expected = await single.trainStep({ images, labels }, hyper);
      const actual = await joint.taskStep(0, { images, labels }, hyper);
      await joint.sharedStep(0);
      assert.equal(actual.loss, expected.loss, `loss of step ${String(step)}`);
      assert.deepEqual(actual.logits, expected.logits);
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
