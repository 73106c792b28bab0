/**
 * @file Moving pixels by products with matrices of zeros and ones.
 *
 * [Note: Selection by products] Widening maps, spreading pixels apart and weaving maps together move single numbers, which the
 * runtime's `Pad` and `Transpose` do one by one. A product with a small matrix that has at most one 1 per output does the same at the
 * speed of a matrix product, and exactly: every other term is a zero. `placeTaps` adds up as well, so its matrix has several.
 */
import type { Emitter } from './emitter.ts';

type Size = readonly [number, number];
type Shape4 = readonly [number, number, number, number];

/** Above this many pixels a row, the product costs more than moving single numbers. */
const WIDEST = 64;

/** [rows, inner] → [rows, outer]: every pair of `ones` (from, to) adds column `from` to column `to`. */
function select(emit: Emitter, value: string, inner: number, outer: number, key: string, ones: Iterable<readonly [number, number]>): string {
  const matrix = new Float32Array(inner * outer);
  for (const [from, to] of ones) matrix[from * outer + to] = 1;
  return emit.one('MatMul', [value, emit.shared(`${key}:${String(inner)}x${String(outer)}`, [inner, outer], matrix)]);
}

/** Columns of zeros before and after: [.., .., h, w] → [.., .., h, before + w + after]. Negative numbers cut columns off. */
export function padColumns(emit: Emitter, x: string, shape: Shape4, before: number, after: number): string {
  const [a, b, h, w] = shape;
  if (before === 0 && after === 0) return x;
  if (w > WIDEST) return emit.one('Pad', [x, emit.int64([0, 0, 0, before, 0, 0, 0, after])]);
  const wide = before + w + after;
  const ones = range(w).map((column) => [column, column + before] as const).filter(([, to]) => to >= 0 && to < wide);
  const padded = select(emit, emit.reshape(x, shape, [a * b * h, w]), w, wide, `columns${String(before)}`, ones);
  return emit.reshape(padded, [a * b * h, wide], [a, b, h, wide]);
}

/** Pixels moved apart by a stride, zeros between: [c, n, oh, ow] → [c, n, h, w] with y[i·sh, j·sw] = x[i, j]. */
export function spreadOut(emit: Emitter, x: string, shape: Shape4, [sh, sw]: Size, [h, w]: Size): string {
  const [c, n, oh, ow] = shape;
  if (sh === 1 && sw === 1 && h === oh && w === ow) return x;
  if (ow > WIDEST) return spreadByPadding(emit, x, shape, [sh, sw], [h, w]);
  // One row becomes sh rows, the first of which has its pixels.
  const ones = range(ow).map((column) => [column, column * sw] as const).filter(([, to]) => to < w);
  const rows = select(emit, emit.reshape(x, shape, [c * n * oh, ow]), ow, sh * w, `spread${String(sh)},${String(sw)}`, ones);
  const grid = emit.reshape(rows, [c * n * oh, sh * w], [c, n, oh * sh, w]);
  return oh * sh === h ? grid : emit.one('Pad', [grid, emit.int64([0, 0, 0, 0, 0, 0, h - oh * sh, 0])]);
}

function spreadByPadding(emit: Emitter, x: string, [c, n, oh, ow]: Shape4, [sh, sw]: Size, [h, w]: Size): string {
  const open = emit.reshape(x, [c, n, oh, ow], [c * n, oh, 1, ow, 1]);
  const padded = emit.one('Pad', [open, emit.int64([0, 0, 0, 0, 0, 0, 0, sh - 1, 0, sw - 1])]);
  const grid = emit.reshape(padded, [c * n, oh, sh, ow, sw], [c, n, oh * sh, ow * sw]);
  // Negative where the last pixel's own gap is not wanted.
  const missing: Size = [h - oh * sh, w - ow * sw];
  if (missing[0] === 0 && missing[1] === 0) return grid;
  return emit.one('Pad', [grid, emit.int64([0, 0, 0, 0, 0, 0, missing[0], missing[1]])]);
}

/** Four maps [c, n, h/2, w/2], for (even, even), (even, odd), (odd, even) and (odd, odd) pixels → [c, n, h, w]. */
export function weave(emit: Emitter, parts: readonly string[], [c, n, h, w]: Shape4): string {
  const [rows, columns] = [h / 2, w / 2];
  if (w > WIDEST) {
    const stacked = emit.reshape(emit.one('Concat', [...parts], { axis: 0 }), [4 * c, n, rows, columns], [2, 2, c * n, rows, columns]);
    const woven = emit.transpose(stacked, [2, 2, c * n, rows, columns], [2, 3, 0, 4, 1]);
    return emit.reshape(woven, [c * n, rows, 2, columns, 2], [c, n, h, w]);
  }
  const beside = emit.reshape(emit.one('Concat', [...parts], { axis: 3 }), [c, n, rows, 2 * w], [c * n * rows, 2 * w]);
  // A row of the four maps beside each other becomes two rows of the whole.
  const ones = range(4).flatMap((part) => range(columns).map((column) => [part * columns + column, Math.floor(part / 2) * w + 2 * column + (part % 2)] as const));
  const woven = select(emit, beside, 2 * w, 2 * w, 'weave', ones);
  return emit.reshape(woven, [c * n * rows, 2 * w], [c, n, h, w]);
}

export interface TapGeometry {
  kernel: Size;
  strides: readonly [number, number];
  dilations: readonly [number, number];
  /** [top, left, bottom, right] */
  pads: readonly [number, number, number, number];
  /** [oh, ow] of dy */
  outputs: Size;
  /** [h, w] of dx */
  inputs: Size;
}

/** Products of every pixel of dy with every tap of the filter, [rows, oh·ow·kh·kw], added up where they belong: [rows, h·w]. */
export function placeTaps(emit: Emitter, products: string, geometry: TapGeometry): string {
  const { kernel: [kh, kw], strides, dilations, pads, outputs: [oh, ow], inputs: [h, w] } = geometry;
  const ones: (readonly [number, number])[] = [];
  for (const pixel of range(oh * ow)) {
    for (const tap of range(kh * kw)) {
      const y = Math.floor(pixel / ow) * strides[0] + Math.floor(tap / kw) * dilations[0] - pads[0];
      const x = (pixel % ow) * strides[1] + (tap % kw) * dilations[1] - pads[1];
      if (y >= 0 && y < h && x >= 0 && x < w) ones.push([pixel * kh * kw + tap, y * w + x]);
    }
  }
  const key = `taps${[kh, kw, ...strides, ...dilations, ...pads, oh, ow, h, w].join(',')}`;
  return select(emit, products, oh * ow * kh * kw, h * w, key, ones);
}

function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}
