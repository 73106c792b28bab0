/** @file Files of opsets 9 to 21: read, written as opset 17 and merged with a task, they give onnxruntime the same answers as before. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import * as ort from 'onnxruntime-node';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { applyArtifact } from '../../src-main/graph/merge/apply-artifact.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { joinWeights, splitWeights } from '../../src-main/graph/topology.ts';
import type { Graph } from '../../src-main/graph/types.ts';
import { emptyTask } from './empty-task.ts';

const folder = new URL('../fixtures/models/', import.meta.url);
const SETTINGS = { intraOpNumThreads: 1, interOpNumThreads: 1, logSeverityLevel: 4 } as const;

async function answer(bytes: Uint8Array, size: number, output: string): Promise<Float32Array> {
  const session = await ort.InferenceSession.create(bytes, SETTINGS);
  const images = Float32Array.from({ length: 2 * 3 * size * size }, (_, index) => Math.sin(index * 0.37));
  const results = await session.run({ [session.inputNames[0] ?? '']: new ort.Tensor('float32', images, [2, 3, size, size]) });
  await session.release();
  const data = results[output]?.data;
  assert.ok(data instanceof Float32Array);
  return data;
}

function assertClose(actual: Float32Array, expected: Float32Array): void {
  assert.equal(actual.length, expected.length);
  const scale = Math.max(1, ...expected.map(Math.abs));
  const worst = Math.max(...expected.map((value, index) => Math.abs(value - (actual[index] ?? Number.NaN))));
  assert.ok(worst <= 1e-5 * scale, `differs by ${String(worst)}`);
}

const outputOf = (graph: Graph): string => graph.outputs[0]?.name ?? '';
const files = [
  ...readdirSync(new URL('opsets/', folder)).map((name) => ({ name: `opsets/${name}`, size: 8 })),
  ...readdirSync(folder).filter((name) => name.endsWith('.onnx')).map((name) => ({ name, size: 32 })),
];
assert.ok(files.length >= 30, 'the fixtures are there');

for (const { name, size } of files) {
  test(name, async () => {
    const bytes = readFileSync(new URL(name, folder));
    const graph = parseOnnx(bytes);
    const own = await answer(bytes, size, 'output');
    assertClose(await answer(serializeOnnx(graph), size, outputOf(graph)), own);

    // Written and read again, it is the same graph; in two parts as well.
    assert.deepEqual(parseOnnx(serializeOnnx(graph)), graph);
    const { topology, weights } = splitWeights(graph);
    assert.deepEqual(joinWeights(topology, weights).nodes, graph.nodes);

    // A task that changes nothing but the head: with the base's own head in its place, the base's logits.
    const base = analyseBase(graph);
    const merged = applyArtifact(base, emptyTask(base));
    assertClose(await answer(serializeOnnx(merged), size, 'logits'), own);
  });
}
