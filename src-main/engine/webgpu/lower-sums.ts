/**
 * @file Sums for GPUs. The provider gives one small group of threads to every sum, so a few long sums would leave most of a GPU
 * idle: they are taken in two steps, many short ones first.
 */
import { elementCount } from '../../contract/tensors.ts';
import type { Emitter } from '../lowering/emitter.ts';

/** [N, …] → […] */
export function sumOverBatch(emit: Emitter, value: string, [n = 1, ...rest]: readonly number[]): string {
  if (n === 1) return emit.reshape(value, [n, ...rest], rest);
  return emit.one('ReduceSum', [value, emit.int64([0])], { keepdims: 0 });
}

/** [N, C, H, W] → [C]: over the pixels of every picture, then over the pictures. */
export function sumOverPixels(emit: Emitter, value: string, [n = 1, c = 1, ...space]: readonly number[]): string {
  const pixels = elementCount(space);
  const rows = emit.one('ReduceSum', [emit.reshape(value, [n, c, ...space], [n * c, pixels]), emit.int64([1])], { keepdims: 0 });
  return sumOverBatch(emit, emit.reshape(rows, [n * c], [n, c]), [n, c]);
}

/** Everything → []. */
export function sumOfAll(emit: Emitter, value: string, shape: readonly number[]): string {
  const count = elementCount(shape);
  const rows = rowsFor(count, shape);
  const partial = rows === 1 ? value : emit.one('ReduceSum', [emit.reshape(value, shape, [rows, count / rows]), emit.int64([1])], { keepdims: 0 });
  const flat = rows === 1 ? emit.reshape(value, shape, [count]) : partial;
  return emit.one('ReduceSum', [flat, emit.int64([0])], { keepdims: 0 });
}

/** About the square root of the count, made of leading axes' factors, so that both steps are short. */
function rowsFor(count: number, shape: readonly number[]): number {
  let rows = 1;
  for (const size of shape) {
    if (rows * size * rows * size > 4 * count) break;
    rows *= size;
  }
  return rows;
}
