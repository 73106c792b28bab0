/** @file Small tensors of shape arithmetic: reading, making and broadcasting them, with a bound on their size. */
import { elementCount, type DType, type HostTensor } from '../contract/tensors.ts';

/** Elements of one value that is computed before anything runs. Larger ones come from hostile files. */
export const MAX_HOST_ELEMENTS = 2 ** 22;

/** IEEE 754 binary16 → number. */
export function halfToFloat(bits: number): number {
  const sign = (bits & 0x8000) === 0 ? 1 : -1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

export function numbersOf({ dtype, data }: HostTensor): number[] {
  if (dtype === 'float16') return Array.from(data as Uint16Array, halfToFloat);
  return Array.from(data as Iterable<number | bigint>, Number);
}

/** @throws Error for a type that is not computed with (float16), and RangeError for integers that are not finite */
export function hostOf(dtype: DType, shape: readonly number[], values: readonly number[]): HostTensor {
  switch (dtype) {
    case 'int64':
      return { dtype, shape, data: BigInt64Array.from(values, (value) => BigInt(Math.trunc(value))) };
    case 'float32':
      return { dtype, shape, data: Float32Array.from(values) };
    case 'float64':
      return { dtype, shape, data: Float64Array.from(values) };
    case 'int32':
      return { dtype, shape, data: Int32Array.from(values) };
    case 'int8':
      return { dtype, shape, data: Int8Array.from(values) };
    case 'uint8':
      return { dtype, shape, data: Uint8Array.from(values) };
    case 'bool':
      return { dtype, shape, data: Uint8Array.from(values, (value) => (value === 0 ? 0 : 1)) };
    case 'float16':
      throw new Error('float16 is not computed with');
  }
}

/** More numbers than are computed on the host. */
export class TooLargeForHost extends Error {}

/**
 * Elements of a shape that was computed.
 * @throws Error for what is no shape, and TooLargeForHost before anything of that size is allocated
 */
export function boundedCount(shape: readonly number[], limit: number): number {
  if (shape.some((size) => !Number.isSafeInteger(size) || size < 0)) throw new Error(`[${shape.join(', ')}] is not a shape`);
  const count = elementCount(shape);
  if (count > limit) throw new TooLargeForHost(`${String(count)} numbers`);
  return count;
}

/** Common shape by NumPy's rule. @throws Error when there is none */
export function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const left = a[axis - rank + a.length] ?? 1;
    const right = b[axis - rank + b.length] ?? 1;
    if (left !== right && left !== 1 && right !== 1) throw new Error(`[${a.join(', ')}] and [${b.join(', ')}] do not fit together`);
    return left === 1 ? right : left;
  });
}

/** Elements of `tensor` repeated to `shape`, row-major. */
export function spread(tensor: HostTensor, shape: readonly number[], limit: number): number[] {
  const values = numbersOf(tensor);
  const own = tensor.shape;
  return Array.from({ length: boundedCount(shape, limit) }, (_, flat) => {
    let rest = flat;
    let index = 0;
    let stride = 1;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const size = shape[axis] ?? 1;
      const ownSize = own[axis - shape.length + own.length] ?? 1;
      if (ownSize > 1) index += (rest % size) * stride;
      rest = Math.floor(rest / size);
      stride *= ownSize;
    }
    return values[index] ?? 0;
  });
}

export function allPositions(shape: readonly number[]): number[][] {
  return shape.map((size) => Array.from({ length: size }, (_, index) => index));
}

/**
 * Elements at the positions that `sources` lists per axis, row-major: what slicing, gathering and turning have in common.
 * @param order axes from the slowest to the fastest of the result
 */
export function pick({ shape, ...tensor }: HostTensor, sources: readonly (readonly number[])[], order: readonly number[] = shape.map((_, axis) => axis)): number[] {
  const values = numbersOf({ shape, ...tensor });
  let offsets = [0];
  for (const axis of order) {
    const stride = elementCount(shape.slice(axis + 1));
    offsets = offsets.flatMap((offset) => (sources[axis] ?? []).map((position) => offset + position * stride));
  }
  return offsets.map((offset) => values[offset] ?? 0);
}

/** @throws Error when `axis` is not one of `rank` axes */
export function axisOf(axis: number, rank: number): number {
  const positive = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(positive) || positive < 0 || positive >= rank) throw new Error(`axis ${String(axis)} of ${String(rank)}`);
  return positive;
}
