/**
 * @file Form `int4`: value = float32(code · scale of the row), code −levels..levels with levels 7, 3, 2 or 1, two codes to a byte. Fewer
 * levels take no fewer bytes here; zstd makes them smaller.
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { dequantise, quantise } from './quantise.ts';
import { readScales, rowsOf } from './scales.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

export interface Int4Entry {
  form: 'int4';
  levels: 7 | 3 | 2 | 1;
  /** Of the scales. */
  exponent: number;
}

/** A nibble is code + 8, so that 0 stands for nothing but the place after the last code. */
const OFFSET = 8;

/** @param tensor finite @param step see `quantise` */
export function encodeInt4({ shape, data }: FloatTensor, levels: Int4Entry['levels'], step: number | undefined, out: StreamWriter): Int4Entry {
  const { codes, scales } = quantise(data, shape, levels, step);
  const bytes = new Uint8Array(Math.ceil(codes.length / 2));
  for (let index = 0; index < codes.length; index++) bytes[index >> 1] = (bytes[index >> 1] ?? 0) | (((codes[index] ?? 0) + OFFSET) << (4 * (index & 1)));
  out.push('codes4', bytes);
  out.pushHalves('scale0', 'scale1', scales.halves);
  return { form: 'int4', levels, exponent: scales.exponent };
}

export function int4Lengths(shape: readonly number[]): StreamLengths {
  const { rows } = rowsOf(shape);
  return { codes4: Math.ceil(elementCount(shape) / 2), scale0: rows, scale1: rows };
}

/** @throws TapsError `model-malformed` for codes beyond the levels or a scale that is none */
export function decodeInt4({ exponent, levels }: Int4Entry, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  const count = elementCount(shape);
  const bytes = input.take('codes4', Math.ceil(count / 2));
  const codes = new Int8Array(count);
  for (let index = 0; index < count; index++) codes[index] = (((bytes[index >> 1] ?? 0) >> (4 * (index & 1))) & 15) - OFFSET;
  const wrong = codes.find((code) => Math.abs(code) > levels);
  if (wrong !== undefined || (count % 2 === 1 && (bytes.at(-1) ?? 0) >> 4 !== 0)) {
    throw new TapsError('model-malformed', `Not a valid task file: ${what} has ${wrong === undefined ? 'a code after its last one' : `the code ${String(wrong)} of at most ${String(levels)}`}.`, 'Get the file again from where it was made, or learn the task again.');
  }
  return dequantise(codes, shape, readScales(input.takeHalves('scale0', 'scale1', rowsOf(shape).rows), exponent, what));
}
