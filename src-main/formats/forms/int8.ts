/** @file Form `int8`: value = float32(code · scale of the row), code −127..127. */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { dequantise, quantise } from './quantise.ts';
import { readScales, rowsOf } from './scales.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

export interface Int8Entry {
  form: 'int8';
  /** Of the scales. */
  exponent: number;
}

/** @param tensor finite */
export function encodeInt8({ shape, data }: FloatTensor, out: StreamWriter): Int8Entry {
  const { codes, scales } = quantise(data, shape, 127);
  out.push('codes8', new Uint8Array(codes.buffer));
  out.pushHalves('scale0', 'scale1', scales.halves);
  return { form: 'int8', exponent: scales.exponent };
}

export function int8Lengths(shape: readonly number[]): StreamLengths {
  const { rows } = rowsOf(shape);
  return { codes8: elementCount(shape), scale0: rows, scale1: rows };
}

/** @throws TapsError `model-malformed` for a code of −128 or a scale that is none */
export function decodeInt8({ exponent }: Int8Entry, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  const codes = new Int8Array(input.take('codes8', elementCount(shape)));
  if (codes.includes(-128)) throw new TapsError('model-malformed', `Not a valid task file: ${what} has the code -128, which nothing is stored as.`, 'Get the file again from where it was made, or learn the task again.');
  return dequantise(codes, shape, readScales(input.takeHalves('scale0', 'scale1', rowsOf(shape).rows), exponent, what));
}
