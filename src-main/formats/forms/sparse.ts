/**
 * @file Form `sparse`: the numbers of largest magnitude, all others 0. Positions are gaps: zeros before each number, 255 meaning "255
 * zeros and go on". Kept numbers are stored as float16, as int8 or as signs, the latter two with a scale per row of the whole tensor.
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { bitAt, isPacked, packBits, packedLength } from '../../core/bits.ts';
import { fromHalves, toHalves } from './float16.ts';
import { saturated } from './half.ts';
import { readScales, rowsOf, toScales, type Scales } from './scales.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

export type SparseValues = 'float16' | 'int8' | 'sign';

export interface SparseEntry {
  form: 'sparse';
  /** Numbers that are kept. */
  count: number;
  /** Bytes that their gaps take. */
  gapBytes: number;
  values: SparseValues;
  /** Of the numbers for float16, of the scales otherwise. */
  exponent: number;
}

const LONG_GAP = 255;

/**
 * Positions of the `count` largest magnitudes in ascending order; of equal magnitudes the first ones. O(n) by counting the bits of |x|:
 * as whole numbers, float32 magnitudes have the order of their values.
 */
export function largestPositions(data: Float32Array, count: number): Uint32Array {
  const bits = new Uint32Array(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  const high = new Uint16Array(bits.length);
  for (let index = 0; index < bits.length; index++) {
    const word = (bits[index] ?? 0) & 0x7fff_ffff;
    bits[index] = word;
    high[index] = word >>> 16;
  }
  const coarse = thresholdOf(high, count);
  const fine = thresholdOf(Uint16Array.from(bits.filter((word) => word >>> 16 === coarse.key), (word) => word & 0xffff), count - coarse.above);
  const threshold = coarse.key * 0x1_0000 + fine.key;
  let equal = count - coarse.above - fine.above;
  const positions = new Uint32Array(count);
  let found = 0;
  for (let index = 0; index < bits.length && found < count; index++) {
    const word = bits[index] ?? 0;
    if (word < threshold || (word === threshold && equal-- <= 0)) continue;
    positions[found++] = index;
  }
  return positions;
}

/** The largest of the keys such that at least `count` have it or a larger one, and how many have a larger one. */
function thresholdOf(keys: Uint16Array, count: number): { key: number; above: number } {
  const histogram = new Uint32Array(0x1_0000);
  for (let index = 0; index < keys.length; index++) {
    const key = keys[index] ?? 0;
    histogram[key] = (histogram[key] ?? 0) + 1;
  }
  let above = 0;
  for (let key = 0xffff; key > 0; key--) {
    const here = histogram[key] ?? 0;
    if (above + here >= count) return { key, above };
    above += here;
  }
  return { key: 0, above };
}

/**
 * @param tensor finite
 * @param density fraction of the numbers that is kept, 0..1; at least one number is
 */
export function encodeSparse({ shape, data }: FloatTensor, density: number, values: SparseValues, out: StreamWriter): SparseEntry {
  const count = Math.min(data.length, Math.max(1, Math.round(density * data.length)));
  const positions = largestPositions(data, count);
  const gaps = gapsOf(positions);
  const kept = Float32Array.from(positions, (position) => data[position] ?? 0);
  out.push('gaps', gaps);
  const entry = { form: 'sparse', count, gapBytes: gaps.length, values } as const;
  if (values === 'float16') {
    const { halves, exponent } = toHalves(kept);
    out.pushHalves('half0', 'half1', halves);
    return { ...entry, exponent };
  }
  const { columns } = rowsOf(shape);
  const scales = toScales(scalesOf(kept, positions, shape, values));
  out.pushHalves('scale0', 'scale1', scales.halves);
  if (values === 'sign') out.push('bits', packBits(count, (index) => (kept[index] ?? 0) < 0));
  else out.push('codes8', new Uint8Array(Int8Array.from(kept, (value, index) => codeOf(value, scales.values[Math.floor((positions[index] ?? 0) / columns)] ?? 0)).buffer));
  return { ...entry, exponent: scales.exponent };
}

/** Of each row: mean magnitude of what is kept for signs, largest magnitude over 127 for int8; 0 where nothing is kept. */
function scalesOf(kept: Float32Array, positions: Uint32Array, shape: readonly number[], values: 'int8' | 'sign'): Float64Array {
  const { rows, columns } = rowsOf(shape);
  const sums = new Float64Array(rows);
  const counts = new Uint32Array(rows);
  const largest = new Float64Array(rows);
  kept.forEach((value, index) => {
    const row = Math.floor((positions[index] ?? 0) / columns);
    const size = Math.abs(value);
    sums[row] = (sums[row] ?? 0) + size;
    counts[row] = (counts[row] ?? 0) + 1;
    largest[row] = Math.max(largest[row] ?? 0, size);
  });
  return values === 'int8' ? largest.map((value) => value / 127) : sums.map((sum, row) => sum / Math.max(1, counts[row] ?? 0));
}

function codeOf(value: number, scale: number): number {
  if (scale === 0) return 0;
  const size = Math.min(127, Math.floor(Math.abs(value) / scale + 0.5));
  return value < 0 ? 0 - size : size;
}

function gapsOf(positions: Uint32Array): Uint8Array {
  const gaps: number[] = [];
  let next = 0;
  for (const position of positions) {
    let zeros = position - next;
    for (; zeros >= LONG_GAP; zeros -= LONG_GAP) gaps.push(LONG_GAP);
    gaps.push(zeros);
    next = position + 1;
  }
  return Uint8Array.from(gaps);
}

export function sparseLengths({ count, gapBytes, values }: SparseEntry, shape: readonly number[]): StreamLengths {
  const { rows } = rowsOf(shape);
  if (values === 'float16') return { gaps: gapBytes, half0: count, half1: count };
  return { gaps: gapBytes, scale0: rows, scale1: rows, ...(values === 'sign' ? { bits: packedLength(count) } : { codes8: count }) };
}

/** @throws TapsError `model-malformed` for positions, bits, codes or scales that are none */
export function decodeSparse(entry: SparseEntry, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  const data = new Float32Array(elementCount(shape));
  const positions = readGaps(input.take('gaps', entry.gapBytes), entry.count, data.length, what);
  const kept = readKept(entry, positions, shape, input, what);
  positions.forEach((position, index) => {
    data[position] = kept[index] ?? 0;
  });
  return data;
}

function malformed(what: string, problem: string): TapsError {
  return new TapsError('model-malformed', `Not a valid task file: ${what} has ${problem}.`, 'Get the file again from where it was made, or learn the task again.');
}

function readGaps(gaps: Uint8Array, count: number, length: number, what: string): Uint32Array {
  const positions = new Uint32Array(count);
  let found = 0;
  let position = 0;
  for (const gap of gaps) {
    position += gap;
    if (gap === LONG_GAP) continue;
    if (found === count) throw malformed(what, `more than its ${String(count)} positions`);
    if (position >= length) throw malformed(what, `the position ${String(position)} of ${String(length)}`);
    positions[found++] = position++;
  }
  if (found !== count || gaps.at(-1) === LONG_GAP) throw malformed(what, `${String(found)} positions instead of ${String(count)}`);
  return positions;
}

function readKept({ count, values, exponent }: SparseEntry, positions: Uint32Array, shape: readonly number[], input: StreamReader, what: string): Float32Array {
  if (values === 'float16') return fromHalves(input.takeHalves('half0', 'half1', count), exponent);
  const { rows, columns } = rowsOf(shape);
  const scales: Scales = readScales(input.takeHalves('scale0', 'scale1', rows), exponent, what);
  const scaleOf = (index: number): number => scales.values[Math.floor((positions[index] ?? 0) / columns)] ?? 0;
  if (values === 'int8') {
    const codes = new Int8Array(input.take('codes8', count));
    if (codes.includes(-128)) throw malformed(what, 'the code -128, which nothing is stored as');
    return Float32Array.from(codes, (code, index) => saturated(code * scaleOf(index)));
  }
  const bits = input.take('bits', packedLength(count));
  if (!isPacked(bits, count)) throw malformed(what, 'bits after its last number');
  return Float32Array.from({ length: count }, (_, index) => (bitAt(bits, index) ? 0 - scaleOf(index) : scaleOf(index)));
}
