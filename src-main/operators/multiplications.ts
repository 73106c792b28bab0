/** @file Cost of a node: its multiplications, where products are what takes the time. */
import type { GraphNode } from '../graph/types.ts';
import { shapeOf, type Value } from './value.ts';

/** Multiplications of convolutions and matrix products; 0 for everything else. */
export function multiplications({ op }: GraphNode, inputs: readonly (Value | undefined)[], results: readonly Value[]): number {
  const [first, second] = inputs;
  const [result] = results;
  if (first === undefined || second === undefined || result === undefined) return 0;
  const size = product(shapeOf(result));
  if (op === 'Conv') return size * product(shapeOf(second).slice(1));
  if (op === 'MatMul') return size * (shapeOf(first).at(-1) ?? 0);
  if (op === 'Gemm') return size * (product(shapeOf(second)) / Math.max(1, shapeOf(result).at(-1) ?? 1));
  return 0;
}

function product(sizes: readonly number[]): number {
  return sizes.reduce((all, size) => all * size, 1);
}
