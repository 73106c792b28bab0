/** @file Plain tensors as they travel between graph, engine, library and files. No behaviour. */

export type DType = 'float32' | 'float64' | 'float16' | 'int64' | 'int32' | 'uint8' | 'int8' | 'bool';

/**
 * A tensor in host memory, row-major. float16 is kept as raw `Uint16Array` bits,
 * int64 as `BigInt64Array`, bool as `Uint8Array` of 0 and 1.
 */
export interface HostTensor {
  dtype: DType;
  shape: readonly number[];
  data: Float32Array | Float64Array | Uint16Array | BigInt64Array | Int32Array | Uint8Array | Int8Array;
}

/** A float32 tensor in host memory, row-major: what weights, deltas and training state are made of. */
export interface FloatTensor {
  shape: readonly number[];
  data: Float32Array;
}

/** Product of the dimensions; 1 for a scalar (shape `[]`). */
export function elementCount(shape: readonly number[]): number {
  let count = 1;
  for (const dimension of shape) count *= dimension;
  return count;
}
