/** @file Symmetric uniform quantisation by rows: value ≈ code · scale, code a whole number in −levels..levels. */
import { saturated } from './half.ts';
import { rowsOf, toScales, type Scales } from './scales.ts';

export interface Quantised {
  codes: Int8Array;
  scales: Scales;
}

/** Where the search of a scale starts, relative to the largest magnitude over `levels`: near the optimum of bell-shaped weights. */
const START: Readonly<Record<number, number>> = { 7: 0.8, 3: 0.6, 2: 0.5, 1: 0.4 };
/** Rounds of the search; what a further one changes is below the rounding of scales. */
const ROUNDS = 8;

/**
 * With 127 levels the scale of a row is largest / 127. With fewer, it is searched: codes for the scale, then the scale with the least
 * squared error for these codes, Σ|x|·|c| / Σc² (Lloyd's method), from two starts, in float64 and row-major order, so it is the same on every machine.
 * Codes are then rounded (half away from zero) for the scale as it is stored.
 *
 * With `step` the scale is that many root mean squares of the row: codes that are rarely large, which zstd makes small. For a given size
 * of the packed codes this loses less than few levels do (Gish and Pierce, IEEE Trans. IT 1968: uniform steps and entropy coding).
 * @param data finite
 * @param levels 1, 2, 3, 7 or 127
 */
export function quantise(data: Float32Array, shape: readonly number[], levels: number, step?: number): Quantised {
  const { rows, columns } = rowsOf(shape);
  const wanted = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const own = data.subarray(row * columns, (row + 1) * columns);
    wanted[row] = step === undefined ? scaleOf(own, levels) : steppedScale(own, levels, step);
  }
  const scales = toScales(wanted);
  const codes = new Int8Array(data.length);
  for (let row = 0; row < rows; row++) {
    const scale = scales.values[row] ?? 0;
    for (let index = row * columns; index < (row + 1) * columns; index++) codes[index] = codeOf(data[index] ?? 0, scale, levels);
  }
  return { codes, scales };
}

function codeOf(value: number, scale: number, levels: number): number {
  if (scale === 0) return 0;
  const size = Math.min(levels, Math.floor(Math.abs(value) / scale + 0.5));
  // 0 - 0 is 0, -0 is not.
  return value < 0 ? 0 - size : size;
}

function scaleOf(row: Float32Array, levels: number): number {
  let largest = 0;
  for (const value of row) largest = Math.max(largest, Math.abs(value));
  const start = START[levels];
  if (start === undefined || largest === 0) return largest / levels;
  const near = searched(row, (start * largest) / levels, levels);
  const far = searched(row, largest / levels, levels);
  return near.gain > far.gain ? near.scale : far.scale;
}

/** The codes follow from the step; the scale is then the best one for these codes. */
function steppedScale(row: Float32Array, levels: number, step: number): number {
  let squares = 0;
  for (const value of row) squares += value * value;
  const scale = step * Math.sqrt(squares / Math.max(1, row.length));
  return scale === 0 ? 0 : searched(row, scale, levels, 1).scale;
}

/** @returns the scale and by how much it makes the squared error smaller than Σx² */
function searched(row: Float32Array, start: number, levels: number, rounds = ROUNDS): { scale: number; gain: number } {
  let scale = start;
  let gain = 0;
  for (let round = 0; round < rounds; round++) {
    let product = 0;
    let square = 0;
    for (let index = 0; index < row.length; index++) {
      const size = Math.abs(row[index] ?? 0);
      const code = Math.min(levels, Math.floor(size / scale + 0.5));
      product += size * code;
      square += code * code;
    }
    if (square === 0) break;
    const before = scale;
    scale = product / square;
    gain = (product * product) / square;
    // The same scale gives the same codes: nothing changes any more.
    if (scale === before) break;
  }
  return { scale, gain };
}

/** value = float32(code · scale); the product is exact before it is rounded. */
export function dequantise(codes: Int8Array, shape: readonly number[], { values }: Scales): Float32Array {
  const { rows, columns } = rowsOf(shape);
  const data = new Float32Array(codes.length);
  for (let row = 0, index = 0; row < rows; row++) {
    const scale = values[row] ?? 0;
    for (let column = 0; column < columns; column++, index++) data[index] = saturated((codes[index] ?? 0) * scale);
  }
  return data;
}
