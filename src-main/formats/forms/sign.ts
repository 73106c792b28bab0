/**
 * @file Form `sign`: one bit per number and one scale per row, value = ±scale, scale = mean |x| of the row: for given signs the one with
 * the least squared error (BitDelta, Liu et al., NeurIPS 2024, equation 3, there with one scale per weight). Zero counts as positive.
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { bitAt, isPacked, packBits, packedLength } from '../../core/bits.ts';
import { readScales, rowsOf, toScales } from './scales.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

export interface SignEntry {
  form: 'sign';
  /** Of the scales. */
  exponent: number;
}

/** @param tensor finite */
export function encodeSign({ shape, data }: FloatTensor, out: StreamWriter): SignEntry {
  const { rows, columns } = rowsOf(shape);
  const means = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (const value of data.subarray(row * columns, (row + 1) * columns)) sum += Math.abs(value);
    means[row] = columns === 0 ? 0 : sum / columns;
  }
  const { halves, exponent } = toScales(means);
  out.push('bits', packBits(data.length, (index) => (data[index] ?? 0) < 0));
  out.pushHalves('scale0', 'scale1', halves);
  return { form: 'sign', exponent };
}

export function signLengths(shape: readonly number[]): StreamLengths {
  const { rows } = rowsOf(shape);
  return { bits: packedLength(elementCount(shape)), scale0: rows, scale1: rows };
}

/** @throws TapsError `model-malformed` for bits after the last one or a scale that is none */
export function decodeSign({ exponent }: SignEntry, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  const { rows, columns } = rowsOf(shape);
  const count = elementCount(shape);
  const bits = input.take('bits', packedLength(count));
  if (!isPacked(bits, count)) throw new TapsError('model-malformed', `Not a valid task file: ${what} has bits after its last number.`, 'Get the file again from where it was made, or learn the task again.');
  const { values } = readScales(input.takeHalves('scale0', 'scale1', rows), exponent, what);
  const data = new Float32Array(count);
  for (let row = 0, index = 0; row < rows; row++) {
    const scale = values[row] ?? 0;
    for (let column = 0; column < columns; column++, index++) data[index] = bitAt(bits, index) ? 0 - scale : scale;
  }
  return data;
}
