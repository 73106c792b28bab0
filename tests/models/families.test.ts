/** @file Exports of every supported family: same logits as PyTorch, trainable, foldable, exportable. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { runGraph } from '../../src-main/operators/run-graph.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { createTrainingSession } from '../../src-main/training/session.ts';

const folder = new URL('../fixtures/models/', import.meta.url);
const expected = JSON.parse(readFileSync(new URL('logits.json', folder), 'utf8')) as Record<string, number[]>;
const SIZE = 32;
const BATCH = 4;
/** The pictures that PyTorch's logits belong to. */
const images = (count: number): Float32Array => Float32Array.from({ length: count * 3 * SIZE * SIZE }, (_, index) => Math.sin(index * 0.37));

/** Pictures that even a network without normalisation tells apart: brightness and stripes differ. */
const lesson = Float32Array.from({ length: BATCH * 3 * SIZE * SIZE }, (_, index) => {
  const picture = Math.floor(index / (3 * SIZE * SIZE)) % 3;
  return 2 * (picture - 1) + Math.sin(index * (0.2 + 0.5 * picture));
});

function largestDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, index) => Math.abs(value - (b[index] ?? Number.NaN))));
}

describe('families', () => {
  for (const [name, logits] of Object.entries(expected)) {
    test(name, async () => {
      const graph = parseOnnx(readFileSync(new URL(`${name}.onnx`, folder)));
      const base = analyseBase(graph);
      const engine = await createEngine('onnxruntime', { threads: 1 });
      const empty = engine.createState({});
      const forward = await engine.compile(
        {
          name: 'forward',
          feeds: { images: [2, 3, SIZE, SIZE] },
          reads: [],
          writes: [],
          results: ['logits'],
          constants: {},
          program: ({ feeds, layout }) => {
            assert.ok(feeds['images']);
            return { state: {}, results: { logits: runGraph({ graph, images: feeds['images'], output: graph.outputs[0]?.name ?? '', layout, normalization: 'running', parameter: () => undefined }) } };
          },
        },
        empty,
      );
      const own = (await forward.run({ images: images(2) }))['logits'];
      assert.ok(own);
      const scale = Math.max(1, ...logits.map(Math.abs));
      assert.ok(largestDifference(own, logits) <= 2e-5 * scale, `logits differ from PyTorch's by ${String(largestDifference(own, logits))}`);

      const session = await createTrainingSession({
        engine,
        base,
        baseId: '0'.repeat(64),
        config: trainConfigSchema.parse({ method: 'taps', batchSize: BATCH, optimizer: 'adamw' }),
        classNames: ['a', 'b', 'c'],
        preprocessing: { imageSize: SIZE, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
      });
      const labels = Float32Array.of(1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0);
      const losses: number[] = [];
      for (let step = 0; step < 20; step++) losses.push((await session.trainStep({ images: lesson, labels }, { learningRate: 0.01, scoreLearningRate: 0.02, lambda: 0 })).loss);
      assert.ok((losses.at(-1) ?? 9) < 0.7 * (losses[0] ?? 0), `the loss falls: ${losses.map((loss) => loss.toFixed(3)).join(' ')}`);

      const artifact = session.artifactOf(await session.snapshot());
      assert.equal(artifact.layers.length, base.parameters.filter(({ role }) => role === 'gated').length);
      const predictor = await createPredictor({ engine, base, artifact, batchSize: BATCH });
      const library = await predictor.logits(lesson);
      assert.ok(largestDifference(library, await session.evaluateStep(lesson)) <= 1e-4, 'stored task = task in training');
      const merged = await ort.InferenceSession.create(serializeOnnx(applyArtifact(base, artifact)));
      const output = await merged.run({ [merged.inputNames[0] ?? '']: new ort.Tensor('float32', lesson, [BATCH, 3, SIZE, SIZE]) });
      assert.ok(largestDifference(output['logits']?.data as Float32Array, library) <= 1e-4, 'merged model = stored task');
      predictor.dispose();
      session.dispose();
      engine.dispose();
    });
  }
});
