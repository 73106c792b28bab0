/** @file All forms: from what is asked for to an entry of the index and bytes in the streams, and back. */
import { z } from 'zod';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { decodeFloat16, encodeFloat16, float16Lengths } from './float16.ts';
import { decodeFloat32, encodeFloat32, float32Lengths } from './float32.ts';
import { MAX_EXPONENT, MIN_EXPONENT } from './half.ts';
import { decodeInt4, encodeInt4, int4Lengths } from './int4.ts';
import { decodeInt8, encodeInt8, int8Lengths } from './int8.ts';
import { decodeSign, encodeSign, signLengths } from './sign.ts';
import { decodeSparse, encodeSparse, sparseLengths, type SparseValues } from './sparse.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

/** How a tensor is to be stored. */
export type FormSpec =
  | { form: 'float32' }
  | { form: 'float16' }
  | { form: 'int8' }
  /** @param step scale in root mean squares of a row; without it the scale with the least squared error is searched */
  | { form: 'int4'; levels: 7 | 3 | 2 | 1; step?: number }
  | { form: 'sign' }
  /** @param density fraction of the numbers that is kept, 0..1; at least one is */
  | { form: 'sparse'; density: number; values: SparseValues };

const exponent = z.number().int().min(MIN_EXPONENT).max(MAX_EXPONENT);
const bytes = z.number().int().min(0).max(2 ** 32);

/** How a tensor is stored: what its decoder needs besides shape and bytes. */
export const formEntrySchema = z.discriminatedUnion('form', [
  z.strictObject({ form: z.literal('float32') }),
  z.strictObject({ form: z.literal('float16'), exponent }),
  z.strictObject({ form: z.literal('int8'), exponent }),
  z.strictObject({ form: z.literal('int4'), levels: z.union([z.literal(7), z.literal(3), z.literal(2), z.literal(1)]), exponent }),
  z.strictObject({ form: z.literal('sign'), exponent }),
  z.strictObject({ form: z.literal('sparse'), count: z.number().int().min(1).max(2 ** 32), gapBytes: bytes, values: z.enum(['float16', 'int8', 'sign']), exponent }),
]);
export type FormEntry = z.infer<typeof formEntrySchema>;

/** Reverse: `decodeTensor`. @param tensor finite, not empty */
export function encodeTensor(tensor: FloatTensor, spec: FormSpec, out: StreamWriter): FormEntry {
  switch (spec.form) {
    case 'float32':
      return encodeFloat32(tensor.data, out);
    case 'float16':
      return encodeFloat16(tensor.data, out);
    case 'int8':
      return encodeInt8(tensor, out);
    case 'int4':
      return encodeInt4(tensor, spec.levels, spec.step, out);
    case 'sign':
      return encodeSign(tensor, out);
    case 'sparse':
      return encodeSparse(tensor, spec.density, spec.values, out);
  }
}

/** Bytes that the tensor has in each stream. */
export function tensorLengths(entry: FormEntry, shape: readonly number[]): StreamLengths {
  switch (entry.form) {
    case 'float32':
      return float32Lengths(shape);
    case 'float16':
      return float16Lengths(shape);
    case 'int8':
      return int8Lengths(shape);
    case 'int4':
      return int4Lengths(shape);
    case 'sign':
      return signLengths(shape);
    case 'sparse':
      return sparseLengths(entry, shape);
  }
}

/**
 * Exact: the same bytes give the same numbers everywhere. Reverse: `encodeTensor`.
 * @param what names the tensor for messages
 * @throws TapsError `model-malformed`
 */
export function decodeTensor(entry: FormEntry, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  switch (entry.form) {
    case 'float32':
      return decodeFloat32(shape, input);
    case 'float16':
      return decodeFloat16(entry, shape, input);
    case 'int8':
      return decodeInt8(entry, shape, input, what);
    case 'int4':
      return decodeInt4(entry, shape, input, what);
    case 'sign':
      return decodeSign(entry, shape, input, what);
    case 'sparse':
      return decodeSparse(entry, shape, input, what);
  }
}

/** A form in words, as in `int8` or `sparse 2 % sign`. @param shape of the tensor */
export function formName(entry: FormEntry, shape: readonly number[]): string {
  switch (entry.form) {
    case 'float32':
    case 'float16':
    case 'int8':
    case 'sign':
      return entry.form;
    case 'int4':
      return { 7: 'int4', 3: 'int3', 2: 'quinary', 1: 'ternary' }[entry.levels];
    case 'sparse':
      return `sparse ${percent(entry.count / Math.max(1, elementCount(shape)))} ${entry.values}`;
  }
}

/** Two significant digits. */
export function percent(fraction: number): string {
  return `${String(Number((100 * fraction).toPrecision(2)))} %`;
}
