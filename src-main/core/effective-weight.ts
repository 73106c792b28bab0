/**
 * @file The weight that a task's network computes with, from the base's tensor and what the task stores for it: the one place where
 * a stored change becomes a weight. Prediction, export and whatever else needs the weight call this, so they agree bit for bit.
 */
import { TapsError } from '../contract/errors.ts';
import { elementCount, type FloatTensor } from '../contract/tensors.ts';
import type { TaskArtifact, WeightTransform } from '../contract/training.ts';
import { bitAt, packedLength } from './bits.ts';

/** The parts of a task that change weights. */
export type WeightChanges = Pick<TaskArtifact, 'deltas' | 'replaced' | 'transforms'>;

/**
 * A weight as a matrix: its first axis by all others, [O, C·kh·kw] for a convolution. What low-rank deltas and modulators act on.
 * A vector is a column, a single number is 1 × 1.
 */
export function matrixShape(shape: readonly number[]): { rows: number; columns: number } {
  const [rows = 1] = shape;
  return { rows, columns: rows === 0 ? 0 : elementCount(shape) / rows };
}

/**
 * `replaced`, or the transform of the base's weight, or float32(base + δ), or the base's own tensor; see `WeightTransform` for the
 * equations. Products of two float32 numbers are exact, every addition is rounded to float32, sums run over ascending inner index.
 * @param own the base's tensor of that name; not changed, but returned when the task leaves it as it is
 * @throws TapsError `base-mismatch` when what is stored does not fit the base's shape
 */
export function effectiveWeight(name: string, own: FloatTensor, { deltas, replaced, transforms }: WeightChanges): FloatTensor {
  const value = replaced.get(name);
  if (value !== undefined) {
    requireShape(name, own, value.shape);
    return value;
  }
  const transform = transforms.get(name);
  if (transform !== undefined) return { shape: own.shape, data: transformed(name, own, transform) };
  const delta = deltas.get(name);
  if (delta === undefined) return own;
  requireShape(name, own, delta.shape);
  return { shape: own.shape, data: sumOf(own.data, delta.data) };
}

/** A loop: `map` with a function takes several times as long, and a network has millions of weights. */
function sumOf(own: Float32Array, delta: Float32Array): Float32Array {
  const sum = new Float32Array(own.length);
  for (let index = 0; index < sum.length; index++) sum[index] = (own[index] ?? 0) + (delta[index] ?? 0);
  return sum;
}

function transformed(name: string, own: FloatTensor, transform: WeightTransform): Float32Array {
  const { rows, columns } = matrixShape(own.shape);
  switch (transform.kind) {
    case 'low-rank': {
      const { left, right } = transform;
      const [, rank = 0] = left.shape;
      requireParts(name, own, isMatrix(left, rows, rank) && isMatrix(right, rank, columns), `factors [${left.shape.join(', ')}] and [${right.shape.join(', ')}]`);
      const delta = product(left.data, right.data, rows, rank, columns);
      return sumOf(own.data, delta);
    }
    case 'modulator': {
      const { matrix } = transform;
      requireParts(name, own, isMatrix(matrix, rows, rows), `a modulator [${matrix.shape.join(', ')}]`);
      return product(matrix.data, own.data, rows, rows, columns);
    }
    case 'mask': {
      const { bits } = transform;
      requireParts(name, own, bits.length === packedLength(own.data.length), `a mask of ${String(bits.length)} bytes`);
      return own.data.map((number, index) => (bitAt(bits, index) ? number : 0));
    }
  }
}

/** [rows, inner]·[inner, columns]; see `effectiveWeight` for the order and rounding of the sums. */
function product(left: Float32Array, right: Float32Array, rows: number, inner: number, columns: number): Float32Array {
  const result = new Float32Array(rows * columns);
  for (let row = 0; row < rows; row++) {
    const start = row * columns;
    for (let index = 0; index < inner; index++) {
      const factor = left[row * inner + index] ?? 0;
      const source = index * columns;
      for (let column = 0; column < columns; column++) result[start + column] = (result[start + column] ?? 0) + factor * (right[source + column] ?? 0);
    }
  }
  return result;
}

function isMatrix({ shape, data }: FloatTensor, rows: number, columns: number): boolean {
  return shape.length === 2 && shape[0] === rows && shape[1] === columns && data.length === rows * columns;
}

function requireShape(name: string, own: FloatTensor, shape: readonly number[]): void {
  requireParts(name, own, own.shape.length === shape.length && own.shape.every((size, axis) => size === shape[axis]), `[${shape.join(', ')}]`);
}

function requireParts(name: string, own: FloatTensor, fits: boolean, stored: string): void {
  if (fits) return;
  throw new TapsError('base-mismatch', `The task stores ${stored} for ${name}; the base has [${own.shape.join(', ')}].`, 'Use the base that the task was learnt on.');
}
