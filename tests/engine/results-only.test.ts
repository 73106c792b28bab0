/** @file What a step hands back: its results, with the state written where it is and not copied out. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { createEngine } from '../../src-main/engine/index.ts';
import { lowerStep } from '../../src-main/engine/onnxruntime/engine.ts';
import { runForResults } from '../../src-main/engine/onnxruntime/results-only.ts';
import { RuntimeState } from '../../src-main/engine/onnxruntime/state.ts';
import { tf, type Tensor } from '../../src-main/engine/tfjs.ts';
import { feedName, newName, resultName, stateName } from '../../src-main/engine/tracing/trace-step.ts';
import type { StepSpec } from '../../src-main/engine/types.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';

const COUNT = 2 ** 21;
const BYTES = 4 * COUNT;

function stepOver(entries: readonly string[], results: readonly string[]): StepSpec {
  return {
    name: 'halve',
    feeds: { x: [4] },
    reads: [...entries],
    writes: [...entries],
    results: [...results],
    constants: {},
    program: ({ feeds, state }) => {
      const of = (tensors: Record<string, Tensor>, name: string): Tensor => tensors[name] ?? assert.fail(name);
      const x = of(feeds, 'x');
      const sum = tf.sum(x);
      return {
        state: Object.fromEntries(entries.map((name) => [name, tf.add(tf.mul(of(state, name), tf.scalar(0.5)), sum)])),
        results: Object.fromEntries(results.map((name) => [name, tf.mul(x, tf.scalar(Number(name)))])),
      };
    },
  };
}

const CASES = [
  { name: 'state and results', entries: ['a', 'b'], results: ['3', '2'] },
  { name: 'state alone', entries: ['a'], results: [] },
  { name: 'results alone', entries: [], results: ['7'] },
];
for (const { name, entries, results } of CASES) {
  test(`a step of ${name} hands back its results and copies no state`, async () => {
    const engine = await createEngine('onnxruntime', { threads: 2 });
    const state = engine.createState(Object.fromEntries(entries.map((entry, index) => [entry, { shape: [COUNT], data: new Float32Array(COUNT).fill(index) }])));
    const step = await engine.compile(stepOver(entries, results), state);
    const expected = entries.map((_, index) => index);
    for (const x of [[1, 2, 3, 4], [-1, 0, 0.5, 2]]) {
      const before = process.memoryUsage().arrayBuffers;
      const got = await step.run({ x: Float32Array.from(x) });
      assert.ok(process.memoryUsage().arrayBuffers - before < BYTES / 4, `${String(process.memoryUsage().arrayBuffers - before)} bytes more than before a step over ${String(entries.length * BYTES)} bytes`);
      assert.deepEqual(got, Object.fromEntries(results.map((result) => [result, Float32Array.from(x, (value) => value * Number(result))])));
      const sum = x.reduce((total, value) => total + value, 0);
      for (const [index, entry] of entries.entries()) {
        expected[index] = (expected[index] ?? NaN) / 2 + sum;
        assert.ok((await state.read(entry)).every((value) => value === expected[index]), `${entry} is ${String(expected[index])} everywhere`);
      }
    }
    step.dispose();
  });
}

test('objects are as before: nothing to see in them, and names of their own stay theirs', async () => {
  const engine = await createEngine('onnxruntime', { threads: 1 });
  const state = engine.createState({ a: { shape: [COUNT], data: new Float32Array(COUNT) } });
  const step = await engine.compile(stepOver(['a'], ['2']), state);
  await step.run({ x: new Float32Array(4) });
  step.dispose();
  const seen: string[] = [];
  // What an object inherits is what this looks for.
  for (const name in { own: 1 }) seen.push(name);
  assert.deepEqual(seen, ['own']);
  assert.deepEqual(Object.keys({}), []);
});

test('a run that fails says what failed, not that its results were taken', async () => {
  const state = new RuntimeState({ a: { shape: [8], data: new Float32Array(8) } });
  const { graph } = lowerStep(stepOver(['a'], ['2']), state, 'cnhw', 0);
  const session = await ort.InferenceSession.create(serializeOnnx(graph), { intraOpNumThreads: 1, logSeverityLevel: 4 });
  const inputs = { [feedName('x')]: new ort.Tensor('float32', new Float32Array(3), [3]), [stateName('a')]: state.current('a') };
  await assert.rejects(runForResults(session, inputs, { [newName('a')]: state.spare('a') }, [resultName('2')]), /invalid dimensions/);
  await session.release();
});
