/** @file Methods that reparameterise layers, on every supported family: a few steps lower the loss, and the merged model gives the stored task's logits. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { trainConfigSchema, type MethodId, type TrainConfig } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

const folder = new URL('../fixtures/models/', import.meta.url);
const SIZE = 32;
const BATCH = 4;
const STEPS = 6;
/** Pictures that even a network without normalisation tells apart: brightness and stripes differ. */
const lesson = Float32Array.from({ length: BATCH * 3 * SIZE * SIZE }, (_, index) => {
  const picture = Math.floor(index / (3 * SIZE * SIZE)) % 3;
  return 2 * (picture - 1) + Math.sin(index * (0.2 + 0.5 * picture));
});
const labels = Float32Array.from({ length: BATCH * 3 }, (_, index) => (Math.floor(index / 3) % 3 === index % 3 ? 1 : 0));

const METHODS: [MethodId, Partial<TrainConfig>][] = [
  ['bias-head', {}],
  ['fixed-layers', { pattern: 'last', patternShare: 0.7 }],
  ['low-rank', { rank: 2, rankAlpha: 4 }],
  ['modulator', {}],
  ['piggyback', {}],
];

for (const file of readdirSync(folder).filter((name) => name.endsWith('.onnx') && !name.includes('folded'))) {
  describe(file, () => {
    for (const [method, settings] of METHODS) {
      test(method, async () => {
        const base = analyseBase(parseOnnx(readFileSync(new URL(file, folder))));
        const engine = await createEngine('onnxruntime', { threads: 1 });
        const session = await createTrainingSession({
          engine,
          base,
          baseId: '0'.repeat(64),
          config: trainConfigSchema.parse({ method, batchSize: BATCH, optimizer: 'adamw', ...settings }),
          classNames: ['a', 'b', 'c'],
          preprocessing: { imageSize: SIZE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
        });
        const losses: number[] = [];
        for (let step = 0; step < STEPS; step++) losses.push((await session.trainStep({ images: lesson, labels }, { learningRate: 0.003, scoreLearningRate: 0.003, lambda: 0 })).loss);
        assert.ok(losses.every(Number.isFinite) && (losses.at(-1) ?? Infinity) < (losses[0] ?? 0), losses.join(' '));

        const artifact = decodeTaskFile(encodeTaskFile(session.artifactOf(await session.snapshot())));
        const predictor = await createPredictor({ engine, base, artifact, batchSize: BATCH });
        const stored = await predictor.logits(lesson);
        const trained = await session.evaluateStep(lesson);
        const merged = await ort.InferenceSession.create(serializeOnnx(applyArtifact(base, artifact)));
        const outputs = await merged.run({ [merged.inputNames[0] ?? '']: new ort.Tensor('float32', lesson, [BATCH, 3, SIZE, SIZE]) });
        const exported = outputs['logits']?.data as Float32Array;
        const scale = Math.max(1, ...stored.map(Math.abs));
        for (const [what, logits] of [['while training', trained], ['of the merged model', exported]] as const) {
          const largest = Math.max(...logits.map((value, index) => Math.abs(value - (stored[index] ?? Number.NaN))));
          assert.ok(logits.length === stored.length && largest <= 1e-4 * scale, `logits ${what} differ by ${String(largest)} of ${String(scale)}`);
        }
        await merged.release();
        predictor.dispose();
        session.dispose();
        engine.dispose();
      });
    }
  });
}
