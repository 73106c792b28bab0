/**
 * @file A base in two parts: its topology (ONNX without the weights' data) and its weights (named float32 tensors).
 * In the topology every weight is declared as a graph input, which is valid ONNX.
 */
import { elementCount, type FloatTensor, type HostTensor } from '../contract/tensors.ts';
import { malformed } from './onnx/limits.ts';
import { serializeOnnx } from './onnx/encode.ts';
import { parseOnnx } from './parse-onnx.ts';
import type { Graph } from './types.ts';

/** Smaller float tensors are settings such as scales and bounds: they stay in the topology. */
const SMALLEST_WEIGHT = 2;

function isWeight(tensor: HostTensor): tensor is HostTensor & { data: Float32Array } {
  return tensor.dtype === 'float32' && elementCount(tensor.shape) >= SMALLEST_WEIGHT;
}

/** Inverse: `joinWeights`. */
export function splitWeights(graph: Graph): { topology: Uint8Array; weights: Map<string, HostTensor> } {
  const weights = new Map<string, HostTensor>();
  const rest = new Map<string, HostTensor>();
  for (const [name, tensor] of graph.initializers) (isWeight(tensor) ? weights : rest).set(name, tensor);
  const declared = [...weights].map(([name, { dtype, shape }]) => ({ name, dtype, shape: [...shape] }));
  const topology = serializeOnnx({ ...graph, inputs: [...graph.inputs, ...declared], initializers: rest });
  return { topology, weights };
}

/** @throws TapsError `model-malformed` naming a missing, foreign or wrongly shaped tensor */
export function joinWeights(topology: Uint8Array, weights: ReadonlyMap<string, FloatTensor | HostTensor>): Graph {
  const graph = parseOnnx(topology);
  const [image, ...declared] = graph.inputs;
  if (image === undefined) throw malformed('it has no input');
  for (const { name, shape } of declared) {
    const tensor = weights.get(name);
    if (tensor === undefined) throw malformed(`the weights lack ${name}`);
    if (!(tensor.data instanceof Float32Array) || tensor.shape.length !== shape.length || tensor.shape.some((size, axis) => size !== shape[axis])) {
      throw malformed(`the weight ${name} has shape [${tensor.shape.join(', ')}] instead of [${shape.join(', ')}]`);
    }
    graph.initializers.set(name, { dtype: 'float32', shape: tensor.shape, data: tensor.data });
  }
  if (weights.size !== declared.length) {
    const names = new Set(declared.map(({ name }) => name));
    throw malformed(`the weights have ${[...weights.keys()].find((name) => !names.has(name)) ?? ''}, which the network does not know`);
  }
  graph.inputs = [image];
  return graph;
}
