/** @file Base + task → one deployable graph: weights folded, the task's head in place, labels and preprocessing inside. */
import { TapsError } from '../../contract/errors.ts';
import type { Preprocessing } from '../../contract/preprocessing.ts';
import type { FloatTensor, HostTensor } from '../../contract/tensors.ts';
import type { TaskArtifact } from '../../contract/training.ts';
import { effectiveWeight } from '../../core/effective-weight.ts';
import { dropUnused } from '../canonical/canonicalise.ts';
import type { BaseModel, Graph, GraphNode } from '../types.ts';

export const LOGITS = 'logits';

/**
 * Output `logits` [batch, classes], before any softmax.
 * @throws TapsError `base-mismatch` when the task names tensors that the base lacks or shapes them differently
 */
export function applyArtifact(base: BaseModel, artifact: TaskArtifact): Graph {
  const initializers = new Map(base.graph.initializers);
  for (const name of new Set([...artifact.deltas.keys(), ...artifact.replaced.keys(), ...artifact.transforms.keys()])) {
    const own = initializers.get(name);
    if (!(own?.data instanceof Float32Array)) {
      throw new TapsError('base-mismatch', `The task changes ${name}; the base has ${own === undefined ? 'no such tensor' : `it as ${own.dtype}, not float32`}.`, 'Use the base that the task was learnt on.');
    }
    const { data } = effectiveWeight(name, { shape: own.shape, data: own.data }, artifact);
    initializers.set(name, { dtype: 'float32', shape: own.shape, data });
  }

  checkHead(base, artifact);
  const headNodes = new Set(base.head.nodeNames);
  const kept = base.graph.nodes.filter((node) => !headNodes.has(node.name));
  // The old head is gone, but other values, nodes and tensors of the base may have the names of the new one.
  const values = new Set([...initializers.keys(), ...base.graph.inputs.map(({ name }) => name), ...kept.flatMap(({ outputs }) => outputs)]);
  const weightName = unlike('head.weight', values);
  const biasName = unlike('head.bias', values);
  const inner = values.has(LOGITS) ? unlike(`${LOGITS}.base`, values) : LOGITS;
  const renamed = (name: string): string => (name === LOGITS ? inner : name);
  const nodes: GraphNode[] = kept.map((node) => ({ ...node, inputs: node.inputs.map(renamed), outputs: node.outputs.map(renamed) }));
  const host = ({ shape, data }: FloatTensor): HostTensor => ({ dtype: 'float32', shape, data });
  const clash = initializers.get(LOGITS);
  if (clash !== undefined && initializers.delete(LOGITS)) initializers.set(inner, clash);
  initializers.set(weightName, host(artifact.head.weight));
  initializers.set(biasName, host(artifact.head.bias));
  nodes.push({
    name: unlike('head', new Set(kept.map(({ name }) => name))),
    op: 'Gemm',
    inputs: [renamed(base.head.featureValue), weightName, biasName],
    outputs: [LOGITS],
    attributes: { transB: { kind: 'int', value: 1 } },
  });
  const [image] = base.graph.inputs;
  if (image === undefined) throw new TapsError('model-malformed', 'The base has no input.', 'Import it again.');
  const graph: Graph = {
    name: 'taps-task',
    inputs: [{ ...image, name: renamed(image.name), shape: ['batch', 3, ...image.shape.slice(2)] }],
    outputs: [{ name: LOGITS, dtype: 'float32', shape: ['batch', artifact.classNames.length] }],
    nodes,
    initializers,
    metadata: exportMetadata(artifact),
  };
  dropUnused(graph);
  return graph;
}

function isShape(own: readonly number[], other: readonly number[]): boolean {
  return own.length === other.length && own.every((size, axis) => size === other[axis]);
}

/** `wanted`, or a longer name that is not taken. */
function unlike(wanted: string, taken: ReadonlySet<string>): string {
  let name = wanted;
  while (taken.has(name)) name = `${name}.task`;
  return name;
}

function checkHead({ head: { features } }: BaseModel, { head, classNames }: TaskArtifact): void {
  if (isShape(head.weight.shape, [classNames.length, features]) && isShape(head.bias.shape, [classNames.length])) return;
  throw new TapsError(
    'base-mismatch',
    `The task's head is [${head.weight.shape.join(', ')}] and [${head.bias.shape.join(', ')}] for ${String(classNames.length)} classes; the base's feature vector has ${String(features)} numbers.`,
    'Use the base that the task was learnt on.',
  );
}

/** `metadata_props` that readers of exported classifiers look for, all values text or JSON. */
function exportMetadata({ classNames, preprocessing, method, baseId }: TaskArtifact): Record<string, string> {
  return {
    producer: 'taps-studio',
    task: 'classify',
    names: JSON.stringify(Object.fromEntries(classNames.map((name, index) => [index, name]))),
    imgsz: JSON.stringify([preprocessing.imageSize, preprocessing.imageSize]),
    mean: JSON.stringify(preprocessing.mean),
    std: JSON.stringify(preprocessing.std),
    'taps.preprocessing': JSON.stringify(preprocessing satisfies Preprocessing),
    'taps.method': method,
    'taps.base': baseId,
  };
}
