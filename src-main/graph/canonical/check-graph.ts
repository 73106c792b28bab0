/** @file What every node and value of a graph must keep to, so that nothing after the reader has to ask. */
import { TapsError } from '../../contract/errors.ts';
import { malformed } from '../onnx/limits.ts';
import type { Graph, GraphNode, ValueInfo } from '../types.ts';

/**
 * Masks, indices and statistics that nodes offer beside their result are dropped.
 * @throws TapsError `model-unsupported` when one of them is used
 */
export function onlyFirstOutputs(nodes: readonly GraphNode[], outputs: readonly ValueInfo[]): GraphNode[] {
  const used = new Set([...nodes.flatMap(({ inputs }) => inputs), ...outputs.map(({ name }) => name)]);
  return nodes.map((node) => {
    if (node.op === 'Split' || node.outputs.length < 2) return node;
    const second = node.outputs.slice(1).find((name) => name !== '' && used.has(name));
    if (second !== undefined) {
      throw new TapsError('model-unsupported', `The model uses ${second}, a side result of ${node.op} (node ${node.name}).`, 'Export the model in evaluation mode, for inference.');
    }
    return { ...node, outputs: node.outputs.slice(0, 1) };
  });
}

/** Nodes are told apart by their names; files need not do so. The first of equal names keeps it. */
export function nameNodesApart(nodes: readonly GraphNode[]): void {
  const taken = new Set(nodes.map(({ name }) => name));
  const seen = new Set<string>();
  for (const node of nodes) {
    const wanted = node.name;
    if (seen.has(wanted)) {
      // The output's name is unique, so the search ends at once.
      const base = `${wanted}_${node.outputs[0] ?? ''}`;
      for (let count = 1; taken.has(node.name); count++) node.name = count === 1 ? base : `${base}_${String(count)}`;
      taken.add(node.name);
    }
    seen.add(node.name);
  }
}

/** @throws TapsError `model-malformed` unless each value is made once, before it is used */
export function checkValues({ inputs, initializers, nodes, outputs }: Graph): void {
  const made = new Set([...inputs.map(({ name }) => name), ...initializers.keys()]);
  if (made.has('')) throw malformed('an input or tensor has no name');
  for (const node of nodes) {
    const missing = node.inputs.find((name) => name !== '' && !made.has(name));
    if (missing !== undefined) throw malformed(`node ${node.name} (${node.op}) uses ${missing}, which nothing makes`);
    for (const name of node.outputs) {
      if (name !== '' && made.has(name)) throw malformed(`the value ${name} is made twice`);
      made.add(name);
    }
  }
  for (const { name } of outputs) if (!made.has(name)) throw malformed(`the output ${name} is never made`);
}
