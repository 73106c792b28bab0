/**
 * @file Evaluates what depends on constants alone and is small: exporters leave chains such as Constant → Sqrt → Cast.
 * Weights keep their names: a chain that starts at a large float tensor is left alone.
 */
import { elementCount, type HostTensor } from '../../contract/tensors.ts';
import { evaluateOnHost } from '../host-operators.ts';
import type { Graph, GraphNode } from '../types.ts';

/** Vectors of weights are longer than shapes and scalars. */
const LARGEST_FLOAT = 64;
/** Integers are positions and sizes, never weights. */
const LARGEST_INTEGER = 4096;
/** Elements that folding may add to a graph in all: a small file must not grow without bound. */
const FOLDED_IN_ALL = 2 ** 20;

function isSmall({ dtype, shape }: HostTensor): boolean {
  return elementCount(shape) <= (dtype.startsWith('float') ? LARGEST_FLOAT : LARGEST_INTEGER);
}

export function foldSmallConstants(graph: Graph): void {
  const kept: GraphNode[] = [];
  let room = FOLDED_IN_ALL;
  for (const node of graph.nodes) {
    const results = room > 0 ? attempt(node, graph.initializers) : undefined;
    const [result] = results ?? [];
    const [output] = node.outputs;
    if (result === undefined || output === undefined) {
      kept.push(node);
      continue;
    }
    graph.initializers.set(output, result);
    room -= elementCount(result.shape) + 1;
  }
  graph.nodes = kept;
}

/** Anything that cannot be evaluated stays in the graph. */
function attempt(node: GraphNode, initializers: ReadonlyMap<string, HostTensor>): HostTensor[] | undefined {
  const inputs = node.inputs.map((name) => (name === '' ? undefined : initializers.get(name)));
  const known = node.inputs.every((name, index) => name === '' || inputs[index] !== undefined);
  if (!known || !inputs.every((tensor) => tensor === undefined || isSmall(tensor))) return undefined;
  try {
    const results = evaluateOnHost(node, inputs, LARGEST_INTEGER);
    return results?.every(isSmall) === true ? results : undefined;
  } catch {
    return undefined;
  }
}
