/**
 * @file What a picture looks like in 64 bits, so that the same motif is found again after it was saved, scaled or brightened:
 * the perceptual hash of 8 × 8 lowest cosine frequencies of its 32 × 32 grey values (pHash), and how two decoded pictures are compared.
 * Stored in the cache: a change here needs another length of the header in data/decoded-file.
 */
import type { Picture } from '../core/augment.ts';

const GRID = 32;
const FREQUENCIES = 8;
/** Standard deviation of grey values (0..255) below which a picture shows nothing that could be recognised. */
const FLAT_DEVIATION = 2;
/** Side of the small pictures that decide. */
export const THUMB_SIDE = 16;

/** COSINES[u][x] of the cosine transform of GRID values. */
const COSINES = Array.from({ length: FREQUENCIES }, (_, u) => Float64Array.from({ length: GRID }, (_value, x) => Math.cos(((2 * x + 1) * u * Math.PI) / (2 * GRID))));

/** 64 bits as two unsigned 32-bit numbers; both 0 for a picture of one colour, which resembles nothing. */
export type Fingerprint = readonly [low: number, high: number];

/** Bit i: frequency i (row by row) is above the median. */
export function fingerprintOf(picture: Picture): Fingerprint {
  const small = shrink(picture, GRID);
  const grey = Float64Array.from({ length: GRID * GRID }, (_, at) => 0.299 * (small[at * 3] ?? 0) + 0.587 * (small[at * 3 + 1] ?? 0) + 0.114 * (small[at * 3 + 2] ?? 0));
  if (deviation(grey) < FLAT_DEVIATION) return [0, 0];
  const coefficients = cosineTransform(grey);
  const sorted = coefficients.slice(1).sort();
  const median = sorted[sorted.length >> 1] ?? 0;
  const words = [0, 0];
  coefficients.forEach((value, bit) => {
    if (value > median) words[bit >> 5] = ((words[bit >> 5] ?? 0) | (1 << (bit & 31))) >>> 0;
  });
  return [words[0] ?? 0, words[1] ?? 0];
}

/** Area averages of the picture on a grid of side × side, RGB, 0..255. */
export function shrink({ width, height, data }: Picture, side: number): Float32Array {
  const columns = spans(width, side);
  const rows = spans(height, side);
  // First along rows, then along columns: the average over an area is separable.
  const lines = new Float32Array(height * side * 3);
  for (let y = 0; y < height; y++) {
    for (let cell = 0; cell < side; cell++) {
      for (const [x, share] of columns[cell] ?? []) {
        for (let c = 0; c < 3; c++) lines[(y * side + cell) * 3 + c] = (lines[(y * side + cell) * 3 + c] ?? 0) + share * (data[(y * width + x) * 3 + c] ?? 0);
      }
    }
  }
  const out = new Float32Array(side * side * 3);
  rows.forEach((span, row) => {
    for (const [y, share] of span) {
      for (let at = 0; at < side * 3; at++) out[row * side * 3 + at] = (out[row * side * 3 + at] ?? 0) + share * (lines[y * side * 3 + at] ?? 0);
    }
  });
  return out;
}

/** Which pixels a cell covers, and with which share of the cell. */
function spans(length: number, cells: number): [pixel: number, share: number][][] {
  const step = length / cells;
  return Array.from({ length: cells }, (_, cell) => {
    const [from, to] = [cell * step, Math.min((cell + 1) * step, length)];
    const span: [number, number][] = [];
    for (let pixel = Math.floor(from); pixel < to; pixel++) span.push([pixel, (Math.min(pixel + 1, to) - Math.max(pixel, from)) / (to - from)]);
    return span;
  });
}

function cosineTransform(grey: Float64Array): Float64Array {
  const half = new Float64Array(GRID * FREQUENCIES);
  const out = new Float64Array(FREQUENCIES * FREQUENCIES);
  for (let y = 0; y < GRID; y++) COSINES.forEach((cosines, u) => (half[y * FREQUENCIES + u] = cosines.reduce((sum, cosine, x) => sum + cosine * (grey[y * GRID + x] ?? 0), 0)));
  COSINES.forEach((cosines, v) => {
    for (let u = 0; u < FREQUENCIES; u++) out[v * FREQUENCIES + u] = cosines.reduce((sum, cosine, y) => sum + cosine * (half[y * FREQUENCIES + u] ?? 0), 0);
  });
  return out;
}

function deviation(values: Float64Array): number {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return Math.sqrt(values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length);
}

/** Bits in which two fingerprints differ, 0..64. */
export function distance(a: Fingerprint, b: Fingerprint): number {
  return bitCount(a[0] ^ b[0]) + bitCount(a[1] ^ b[1]);
}

/** Ones among 32 bits. */
export function bitCount(word: number): number {
  const pairs = word - ((word >>> 1) & 0x55555555);
  const nibbles = (pairs & 0x33333333) + ((pairs >>> 2) & 0x33333333);
  return Math.imul((nibbles + (nibbles >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
