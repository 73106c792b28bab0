/** @file Several tasks in one graph: what they have in common is computed once, and every task keeps its own answers. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { combinedMetadata, combineTasks, outputOf } from '../../src-main/graph/merge/combine-tasks.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import type { Graph } from '../../src-main/graph/types.ts';
import { emptyTask } from './empty-task.ts';

const base = analyseBase(parseOnnx(readFileSync(new URL('../fixtures/models/resnet.onnx', import.meta.url))));
const gated = base.parameters.filter(({ role }) => role === 'gated').sort((a, b) => a.nodeIndex - b.nodeIndex);
const SIZE = 32;
const images = Float32Array.from({ length: 2 * 3 * SIZE * SIZE }, (_, index) => Math.sin(index * 0.37));

/** A task with its own head, and a δ on the layer at this place (of all layers; negative counts from the end). */
function task(seed: number, ...changed: number[]): TaskArtifact {
  const empty = emptyTask(base);
  const layers = gated.map(({ name, shape }) => ({ name, parameters: shape.reduce((a, b) => a * b, 1), score: 0, open: false }));
  const deltas = new Map(changed.map((place) => {
    const layer = layers.at(place);
    const shape = gated.at(place)?.shape ?? [];
    assert.ok(layer);
    layer.open = true;
    return [layer.name, { shape, data: Float32Array.from({ length: layer.parameters }, (_, index) => 0.05 * Math.sin(index + seed)) }] as const;
  }));
  const { weight, bias } = empty.head;
  return { ...empty, method: 'taps', layers, deltas, head: { weight: { ...weight, data: weight.data.map((value) => value * (1 + seed)) }, bias } };
}

async function logits(graph: Graph, output: string): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(serializeOnnx(graph), { executionProviders: ['cpu'], intraOpNumThreads: 1 });
  const result = await session.run({ [session.inputNames[0] ?? '']: new ort.Tensor('float32', images, [2, 3, SIZE, SIZE]) });
  await session.release();
  const data = result[output]?.data;
  assert.ok(data instanceof Float32Array);
  return data;
}

const merged = (name: string, artifact: TaskArtifact): { name: string; graph: Graph } => ({ name, graph: applyArtifact(base, artifact) });

test('tasks that differ late share what is below, in pairs too, and answer as they do alone', async () => {
  const [early, late, latest] = [merged('early', task(1, 0, -1)), merged('late', task(2, -2)), merged('latest', task(3, -1))];
  const { graph, nodes } = combineTasks([early, late, latest]);
  const alone = early.graph.nodes.length;
  assert.equal(nodes.separate, 3 * alone);
  // "early" shares nothing but constants of the graph; "late" and "latest" share all but the last block and their heads.
  assert.ok(nodes.combined < 2.6 * alone, `${String(nodes.combined)} of ${String(nodes.separate)}`);
  assert.ok(nodes.combined > 2 * alone);
  for (const { name, graph: own } of [early, late, latest]) {
    const together = await logits(graph, outputOf(name));
    const separate = await logits(own, 'logits');
    const worst = Math.max(...separate.map((value, index) => Math.abs(value - (together[index] ?? Number.NaN))));
    assert.ok(worst <= 1e-5, `${name}: ${String(worst)}`);
  }
  const weights = [...graph.initializers.keys()];
  const last = gated.at(-1)?.name ?? '';
  assert.deepEqual(weights.filter((name) => name.startsWith(last)), [last, `${last}@late`, `${last}@latest`], 'as many copies of a weight as there are values of it');
});

test('equal tasks become one graph with two outputs; heads alone cost a node each', () => {
  const one = merged('one', task(1, -1)).graph;
  const twins = combineTasks([{ name: 'one', graph: one }, merged('two', task(1, -1))]);
  assert.equal(twins.nodes.combined, one.nodes.length + 2);
  const probes = combineTasks([merged('a', task(1)), merged('b', task(2))]);
  assert.equal(probes.nodes.combined, one.nodes.length + 1 + 2);
});

test('what does not go together is refused in words', () => {
  const one = merged('one', task(1));
  assert.throws(() => combineTasks([]), /No task was named/);
  assert.throws(() => combineTasks([one, one]), /"one" is named twice/);
  const larger = structuredClone({ ...one, name: 'larger' });
  const [input] = larger.graph.inputs;
  assert.ok(input);
  input.shape = ['batch', 3, 48, 48];
  assert.throws(() => combineTasks([one, larger]), /"larger" takes pictures \[3, 48, 48\]/);
  const artifact = task(2);
  assert.throws(() => combinedMetadata([{ name: 'one', artifact: task(1) }, { name: 'two', artifact: { ...artifact, preprocessing: { ...artifact.preprocessing, imageSize: 48 } } }]), /"two" wants pictures as .*48/);
});

test('the file says which output belongs to which task', () => {
  const metadata = combinedMetadata([{ name: 'a', artifact: task(1) }, { name: 'b "x"', artifact: task(2) }]);
  const tasks = JSON.parse(metadata['taps.tasks'] ?? '') as { name: string; output: string; classNames: string[] }[];
  assert.deepEqual(tasks.map(({ name, output }) => [name, output]), [['a', 'logits.a'], ['b "x"', 'logits.b "x"']]);
  assert.ok((tasks[0]?.classNames.length ?? 0) > 1);
});
