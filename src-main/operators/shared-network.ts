/** @file Several tasks of one base as one network for an engine: what they have in common is computed once. */
import { TapsError } from '../contract/errors.ts';
import type { Sharing } from '../contract/sharing.ts';
import type { FloatTensor } from '../contract/tensors.ts';
import { traceProgram } from '../engine/tracing/recording-backend.ts';
import type { Tensor } from '../engine/tfjs.ts';
import type { ActivationLayout, NamedTensors } from '../engine/types.ts';
import { applyArtifact } from '../graph/merge/apply-artifact.ts';
import { combineTasks, type CombinedGraph, type NamedArtifact } from '../graph/merge/combine-tasks.ts';
import { measureSharing } from '../graph/merge/sharing.ts';
import type { BaseModel, Graph } from '../graph/types.ts';
import { multiplications } from './multiplications.ts';
import { imageInput, runPart, valueOf, type PartRun } from './run-graph.ts';
import { asNatural, natural } from './value.ts';

export interface SharedNetwork {
  graph: Graph;
  /** What it computes with, by the graph's names; whatever tasks have in common is there once. Shares memory with base and tasks. */
  weights: ReadonlyMap<string, FloatTensor>;
  /** Of the weights that are not heads: the base's tensor that each is a version of. */
  origins: ReadonlyMap<string, string>;
  /** As of `combineTasks`. */
  nodes: CombinedGraph['nodes'];
}

/**
 * @param tasks of one base that want their pictures prepared alike
 * @throws TapsError `invalid-config` for a task named twice or different image sizes; `base-mismatch`
 */
export function shareNetwork(base: BaseModel, tasks: readonly NamedArtifact[]): SharedNetwork {
  const combined = combineTasks(tasks.map(({ name, artifact }) => ({ name, graph: applyArtifact(base, artifact) })));
  const parameters = new Set(base.parameters.filter(({ role }) => role !== 'head' && role !== 'constant').map(({ name }) => name));
  const origins = new Map([...combined.origins].filter(([, origin]) => parameters.has(origin)));
  return { graph: combined.graph, weights: weightsOf(tasks, combined.graph, origins), origins, nodes: combined.nodes };
}

/** Parameters of the base in all their versions, and the heads; everything else stays a constant of the graph. */
function weightsOf(tasks: readonly NamedArtifact[], graph: Graph, origins: ReadonlyMap<string, string>): Map<string, FloatTensor> {
  const heads = new Set<unknown>(tasks.flatMap(({ artifact: { head } }) => [head.weight.data, head.bias.data]));
  const weights = new Map<string, FloatTensor>();
  for (const [name, { shape, data }] of graph.initializers) {
    if (!origins.has(name) && !heads.has(data)) continue;
    if (!(data instanceof Float32Array)) throw new TapsError('model-unsupported', `The weight ${name} is not float32.`, 'Convert the model to float32.');
    weights.set(name, { shape, data });
  }
  return weights;
}

/** [N, 3, H, W] → logits [N, classes] of every task, in the order of the graph's outputs, with the running statistics. */
export function sharedLogits(graph: Graph, images: Tensor, weights: NamedTensors, layout: ActivationLayout, onNode?: PartRun['onNode']): Tensor[] {
  const values = runPart({
    graph,
    nodes: graph.nodes,
    given: new Map([[imageInput(graph), natural(images)]]),
    layout,
    normalization: 'running',
    parameter: (name) => weights[name],
    ...(onNode === undefined ? {} : { onNode }),
  });
  return graph.outputs.map(({ name }) => asNatural(valueOf(values, name)));
}

/** How much of the work is common, by multiplications. Nothing is computed for it. @param names of the tasks, as they were shared */
export function sharingOf({ graph, weights, origins }: SharedNetwork, names: readonly string[], imageSize: number): Sharing {
  const work = new Map<string, number>();
  const shapes = Object.fromEntries([['', [1, 3, imageSize, imageSize]], ...[...weights].map(([name, { shape }]): [string, readonly number[]] => [name, shape])]);
  traceProgram(shapes, ({ '': images, ...tensors }) => {
    if (images === undefined) throw new Error('The network was not given pictures.');
    sharedLogits(graph, images, tensors, 'nchw', (node, inputs, results) => work.set(node.name, multiplications(node, inputs, results)));
    return {};
  });
  return measureSharing({ graph, origins }, names, work);
}
