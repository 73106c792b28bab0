/** @file A task that leaves its base as it is: the base's own classifier as the task's head. */
import assert from 'node:assert/strict';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import type { BaseModel } from '../../src-main/graph/types.ts';

export function emptyTask({ graph, head }: BaseModel): TaskArtifact {
  const [weightName = '', biasName = ''] = head.parameterNames;
  const weight = graph.initializers.get(weightName);
  assert.ok(weight?.data instanceof Float32Array);
  const { data } = weight;
  const { classes, features } = head;
  // The base may keep its weight as [features, classes].
  const turned = weight.shape[0] !== classes || (classes === features && !isTransposed(graph, weightName));
  const rows = turned ? Float32Array.from(data, (_, index) => data[(index % features) * classes + Math.floor(index / features)] ?? 0) : data;
  const bias = graph.initializers.get(biasName)?.data ?? new Float32Array(classes);
  assert.ok(bias instanceof Float32Array);
  return {
    method: 'linear-probe',
    baseId: '0'.repeat(64),
    classNames: Array.from({ length: classes }, (_, index) => `class ${String(index)}`),
    layers: [],
    deltas: new Map(),
    replaced: new Map(),
    transforms: new Map(),
    head: { weight: { shape: [classes, features], data: rows }, bias: { shape: [classes], data: bias } },
    preprocessing: { imageSize: 32, channelOrder: 'rgb', scale: 1, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  };
}

function isTransposed(graph: BaseModel['graph'], weightName: string): boolean {
  const { transB } = graph.nodes.find(({ inputs }) => inputs.includes(weightName))?.attributes ?? {};
  return transB?.kind === 'int' && transB.value === 1;
}
