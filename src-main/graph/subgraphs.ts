/** @file What a node reads, branches included. */
import type { GraphNode, Subgraph } from './types.ts';

/** The branches of a node that chooses. */
export function branchesOf(node: GraphNode): Subgraph[] {
  return Object.values(node.attributes).flatMap((attribute) => (attribute.kind === 'graph' ? [attribute.value] : []));
}

/** Names of all values that a node reads; its branches' own are among them. */
export function namesRead(node: GraphNode): string[] {
  return [...node.inputs, ...branchesOf(node).flatMap((branch) => branch.nodes.flatMap(namesRead))];
}
