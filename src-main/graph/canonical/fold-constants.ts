/**
 * @file Evaluates what depends on constants alone and is small: exporters leave chains such as Constant → Sqrt → Cast.
 * Weights keep their names: a chain that starts at a large float tensor is left alone.
 */
import { elementCount } from '../../contract/tensors.ts';
import { evaluateOnHost } from '../host-operators.ts';
import type { Graph, GraphNode } from '../types.ts';

/** Vectors of weights are longer than shapes and scalars. */
const LARGEST_FOLDED = 64;

export function foldSmallConstants(graph: Graph): void {
  const kept: GraphNode[] = [];
  for (const node of graph.nodes) {
    const inputs = node.inputs.map((name) => (name === '' ? undefined : graph.initializers.get(name)));
    const known = node.inputs.every((name, index) => name === '' || inputs[index] !== undefined);
    const small = inputs.every((tensor) => tensor === undefined || elementCount(tensor.shape) <= LARGEST_FOLDED);
    const results = known && small && node.inputs.length > 0 ? attempt(node, inputs) : undefined;
    if (results === undefined) {
      kept.push(node);
      continue;
    }
    node.outputs.forEach((output, index) => {
      const tensor = results[index];
      if (tensor !== undefined) graph.initializers.set(output, tensor);
    });
  }
  graph.nodes = kept;
}

/** Anything that cannot be evaluated stays in the graph. */
function attempt(node: GraphNode, inputs: Parameters<typeof evaluateOnHost>[1]): ReturnType<typeof evaluateOnHost> {
  try {
    const results = evaluateOnHost(node, inputs);
    return results?.some((tensor) => elementCount(tensor.shape) > LARGEST_FOLDED) === true ? undefined : results;
  } catch {
    return undefined;
  }
}
