/**
 * @file Scales: one per row of a weight as a matrix [O, …] (an output channel of a convolution), one for a whole vector. Stored as
 * float16 with a shared power of two.
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensors.ts';
import { floatToHalf, halfToFloat, powerOfTwo, saturated, sharedExponent } from './half.ts';

export interface Scales {
  /** float16 bits, one per row. */
  halves: Uint16Array;
  /** A scale is half · 2^exponent. */
  exponent: number;
  /** What the halves stand for; float32 numbers. */
  values: Float64Array;
}

/** Rows that have a scale each, and the elements of one. */
export function rowsOf(shape: readonly number[]): { rows: number; columns: number } {
  const elements = elementCount(shape);
  const rows = shape.length < 2 ? Math.min(1, elements) : (shape[0] ?? 0);
  return { rows, columns: rows === 0 ? 0 : elements / rows };
}

/** @param wanted finite, ≥ 0, one per row */
export function toScales(wanted: Float64Array): Scales {
  const exponent = sharedExponent(Math.fround(wanted.reduce((largest, value) => Math.max(largest, value), 0)));
  const factor = powerOfTwo(-exponent);
  const halves = Uint16Array.from(wanted, (value) => floatToHalf(value * factor));
  return { halves, exponent, values: valuesOf(halves, exponent) };
}

/** @throws TapsError `model-malformed` for scales that are negative, infinite or not a number */
export function readScales(halves: Uint16Array, exponent: number, what: string): Scales {
  const wrong = halves.findIndex((bits) => bits >= 0x7c00);
  if (wrong >= 0) throw new TapsError('model-malformed', `Not a valid task file: scale ${String(wrong)} of ${what} is ${String(halfToFloat(halves[wrong] ?? 0))}.`, 'Get the file again from where it was made, or learn the task again.');
  return { halves, exponent, values: valuesOf(halves, exponent) };
}

function valuesOf(halves: Uint16Array, exponent: number): Float64Array {
  const factor = powerOfTwo(exponent);
  return Float64Array.from(halves, (bits) => saturated(halfToFloat(bits) * factor));
}
