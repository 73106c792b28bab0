/** @file Which nodes of a combined graph belong to which tasks, and how much of the work is common. Pure. */
import type { Sharing } from '../../contract/sharing.ts';
import type { Graph } from '../types.ts';

/** By name of the node: indices of the graph's outputs that need it, ascending. A node that no output needs is missing. */
export function usersOfNodes({ nodes, outputs }: Pick<Graph, 'nodes' | 'outputs'>): Map<string, number[]> {
  const users = new Map<string, number[]>();
  outputs.forEach(({ name }, output) => {
    const needed = new Set([name]);
    for (const node of nodes.toReversed()) {
      if (!node.outputs.some((value) => needed.has(value))) continue;
      for (const input of node.inputs) needed.add(input);
      users.set(node.name, [...(users.get(node.name) ?? []), output]);
    }
  });
  return users;
}

export interface SharedGraph {
  /** From `combineTasks`. */
  graph: Pick<Graph, 'nodes' | 'outputs'>;
  /** Of initializers that stand for tensors of the base, in whatever version: the tensor's name. */
  origins: ReadonlyMap<string, string>;
}

/**
 * @param names of the tasks, in the order of the graph's outputs
 * @param work of each node by name, in any unit; a node that is not there costs nothing
 */
export function measureSharing({ graph, origins }: SharedGraph, names: readonly string[], work: ReadonlyMap<string, number>): Sharing {
  const alone = names.map(() => 0);
  const common = names.map(() => names.map(() => 0));
  let together = 0;
  const usersOf = usersOfNodes(graph);
  for (const [node, users] of usersOf) {
    const cost = work.get(node) ?? 0;
    together += cost;
    for (const user of users) {
      alone[user] = (alone[user] ?? 0) + cost;
      const row = common[user];
      if (row !== undefined) for (const other of users) row[other] = (row[other] ?? 0) + cost;
    }
  }
  const firstDifference = (one: number, two: number): string | null => {
    const apart = graph.nodes.find(({ name, inputs }) => {
      const users = usersOf.get(name) ?? [];
      return users.includes(one) !== users.includes(two) && inputs.some((input) => origins.has(input));
    });
    return apart?.inputs.map((input) => origins.get(input)).find((name) => name !== undefined) ?? null;
  };
  // Heads differ in size; a pair's pass is the larger one's, so that a share is never above 1.
  const pairs = names.flatMap((name, index) =>
    names.slice(index + 1).map((other, offset) => {
      const second = index + 1 + offset;
      const share = portion(common[index]?.[second] ?? 0, Math.max(alone[index] ?? 0, alone[second] ?? 0));
      return { tasks: [name, other] as [string, string], share, differFrom: firstDifference(index, second) };
    }),
  );
  const pass = Math.max(...alone);
  return { pairs, passes: pass > 0 ? together / pass : names.length };
}

function portion(part: number, whole: number): number {
  return whole > 0 ? part / whole : 0;
}
