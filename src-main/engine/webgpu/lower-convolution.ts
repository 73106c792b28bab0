/**
 * @file Gradients of convolutions for GPUs, as nodes that onnxruntime's WebGPU provider tiles well: two-dimensional convolutions and
 * matrix products on [N, C, H, W]. Its three-dimensional convolutions and its transposed ones compute number by number, so the forms
 * of lowering/convolution.ts, made for CPUs, are not used.
 */
import type { ConvAttributes } from '../kernels/attributes.ts';
import type { Emitter } from '../lowering/emitter.ts';
import { sumOverBatch, sumOverPixels } from './lower-sums.ts';

type Size = readonly [number, number];
/** [N, C, H, W] */
type Shape4 = readonly [number, number, number, number];

/** Edge of the tiles that the provider's matrix product computes. */
const TILE = 32;
/** With fewer tiles than this a product would leave most of a GPU idle: it is computed per picture, and the results added. */
const ENOUGH_TILES = 64;
/** Taps of small inputs are put side by side until a product is about this wide. */
const WIDE_ENOUGH = 64;

/** The convolution itself. With a filter of one pixel the provider forgets padding at the end, so that is a node of its own. */
export function convolution(emit: Emitter, x: string, w: string, conv: ConvAttributes): string {
  const [top, left, bottom, right] = conv.pads;
  const apart = conv.kernel[0] === 1 && conv.kernel[1] === 1 && conv.pads.some((pad) => pad > 0);
  const input = apart ? emit.one('Pad', [x, emit.int64([0, 0, top, left, 0, 0, bottom, right])]) : x;
  return emit.one('Conv', [input, w], { kernel_shape: [...conv.kernel], strides: [...conv.strides], pads: apart ? [0, 0, 0, 0] : [...conv.pads], dilations: [...conv.dilations], group: conv.groups });
}

/** dL/dx of a convolution. */
export function gradientOfInput(emit: Emitter, dy: string, dyShape: Shape4, w: string, wShape: Shape4, conv: ConvAttributes & { inputSize: Size }): string {
  const [n, , oh, ow] = dyShape;
  const [outputs, perGroup, kh, kw] = wShape;
  const [h, width] = conv.inputSize;
  if (conv.groups > 1) {
    return emit.one('ConvTranspose', [dy, w], {
      kernel_shape: [...conv.kernel],
      strides: [...conv.strides],
      pads: [...conv.pads],
      dilations: [...conv.dilations],
      group: conv.groups,
      output_padding: [missing(conv, 0, oh), missing(conv, 1, ow)],
    });
  }
  if (kh === 1 && kw === 1) {
    const product = emit.one('Conv', [dy, flipped(emit, w, wShape)], { kernel_shape: [1, 1] });
    const spread: Size = [(oh - 1) * conv.strides[0] + 1, (ow - 1) * conv.strides[1] + 1];
    const open = spreadOut(emit, product, [n, perGroup, oh, ow], conv.strides, spread);
    return takeWindow(emit, open, spread, [conv.pads[0], conv.pads[1]], conv.inputSize);
  }
  const phases = phasesOf(conv, [oh, ow]);
  if (phases !== undefined) return byPhases(emit, dy, w, wShape, [n, perGroup, h, width], phases);
  const spread: Size = [(oh - 1) * conv.strides[0] + 1, (ow - 1) * conv.strides[1] + 1];
  const open = spreadOut(emit, dy, dyShape, conv.strides, spread);
  const [top, left] = conv.pads;
  const before: Size = [(kh - 1) * conv.dilations[0] - top, (kw - 1) * conv.dilations[1] - left];
  // out = spread + before + after − (k−1)·d, which must be the input's size.
  const after: Size = [h - spread[0] - before[0] + (kh - 1) * conv.dilations[0], width - spread[1] - before[1] + (kw - 1) * conv.dilations[1]];
  const [cut, pads] = cutNegative(emit, open, [n, outputs, ...spread], [...before, ...after]);
  return emit.one('Conv', [cut, flipped(emit, w, wShape)], { kernel_shape: [kh, kw], pads, dilations: [...conv.dilations] });
}

/** dL/dw of a convolution, [O, C/groups, kh, kw]. */
export function gradientOfFilter(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, conv: ConvAttributes): string {
  if (conv.groups === 1) return denseFilter(emit, x, xShape, dy, dyShape, conv);
  const [n, channels, h, width] = xShape;
  const [, outputs, oh, ow] = dyShape;
  const perGroup = channels / conv.groups;
  if (perGroup === 1) return depthwiseFilter(emit, x, xShape, dy, dyShape, conv);
  const each = outputs / conv.groups;
  const parts = Array.from({ length: conv.groups }, (_, group) =>
    denseFilter(
      emit,
      channelsFrom(emit, x, group * perGroup, perGroup),
      [n, perGroup, h, width],
      channelsFrom(emit, dy, group * each, each),
      [n, each, oh, ow],
      { ...conv, groups: 1 },
    ),
  );
  return emit.one('Concat', parts, { axis: 0 });
}

/** dW[o, c, i, j] = Σ dy[o]·x[c] shifted to tap (i, j): a product [O, pixels]·[pixels, C] for every few taps. */
function denseFilter(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, conv: ConvAttributes): string {
  const [n, channels] = xShape;
  const [, outputs, oh, ow] = dyShape;
  const [kh, kw] = conv.kernel;
  const last = emit.transpose(x, xShape, [0, 2, 3, 1]);
  const views = tapsOf(emit, last, [1, 2], xShape, [oh, ow], conv);
  const together = Math.max(1, Math.floor(WIDE_ENOUGH / channels));
  const products: string[] = [];
  for (let first = 0; first < views.length; first += together) {
    const group = views.slice(first, first + together);
    const columns = channels * group.length;
    const seen = group.length === 1 ? (group[0] ?? '') : emit.one('Concat', group, { axis: 3 });
    const product = pixelProduct(emit, dy, dyShape, seen, [n, oh, ow, columns]);
    products.push(emit.reshape(emit.transpose(emit.reshape(product, [outputs, columns], [outputs, group.length, channels]), [outputs, group.length, channels], [0, 2, 1]), [outputs, channels, group.length], [outputs, channels, group.length]));
  }
  const taps = products.length === 1 ? (products[0] ?? '') : emit.one('Concat', products, { axis: 2 });
  return emit.reshape(taps, [outputs, channels, kh * kw], [outputs, channels, kh, kw]);
}

/** dy [N, O, oh, ow] and pixels [N, oh, ow, K] → Σ over pictures and pixels of dy[o]·pixel[k], [O, K]. */
function pixelProduct(emit: Emitter, dy: string, [n, outputs, oh, ow]: Shape4, seen: string, seenShape: Shape4): string {
  const columns = seenShape[3];
  const pixels = oh * ow;
  if (Math.ceil(outputs / TILE) * Math.ceil(columns / TILE) >= ENOUGH_TILES || n === 1) {
    const rows = emit.reshape(emit.transpose(dy, [n, outputs, oh, ow], [1, 0, 2, 3]), [outputs, n, oh, ow], [outputs, n * pixels]);
    return emit.one('MatMul', [rows, emit.reshape(seen, seenShape, [n * pixels, columns])]);
  }
  const each = emit.one('MatMul', [emit.reshape(dy, [n, outputs, oh, ow], [n, outputs, pixels]), emit.reshape(seen, seenShape, [n, pixels, columns])]);
  return sumOverBatch(emit, each, [n, outputs, columns]);
}

function depthwiseFilter(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, conv: ConvAttributes): string {
  const [n, channels] = xShape;
  const [, outputs, oh, ow] = dyShape;
  const [kh, kw] = conv.kernel;
  const each = outputs / channels;
  const upstream = emit.reshape(dy, dyShape, [n, channels, each, oh * ow]);
  const taps = tapsOf(emit, x, [2, 3], xShape, [oh, ow], conv).map((view) => {
    const products = emit.one('Mul', [upstream, emit.reshape(view, [n, channels, oh, ow], [n, channels, 1, oh * ow])]);
    return emit.reshape(sumOverPixels(emit, products, [n, outputs, oh, ow]), [outputs], [outputs, 1]);
  });
  const all = taps.length === 1 ? (taps[0] ?? '') : emit.one('Concat', taps, { axis: 1 });
  return emit.reshape(all, [outputs, kh * kw], [outputs, 1, kh, kw]);
}

/** For every tap of the filter, row by row: the pixels that it saw, of `x` whose spatial axes are given. */
function tapsOf(emit: Emitter, x: string, axes: Size, [, , h, w]: Shape4, [oh, ow]: Size, conv: ConvAttributes): string[] {
  const [top, left] = conv.pads;
  const [sh, sw] = conv.strides;
  const reach: Size = [(oh - 1) * sh + (conv.kernel[0] - 1) * conv.dilations[0] + 1, (ow - 1) * sw + (conv.kernel[1] - 1) * conv.dilations[1] + 1];
  const pads = new Array<number>(8).fill(0);
  pads[axes[0]] = top;
  pads[axes[1]] = left;
  pads[4 + axes[0]] = Math.max(reach[0] - top - h, 0);
  pads[4 + axes[1]] = Math.max(reach[1] - left - w, 0);
  const full = pads.every((pad) => pad === 0) ? x : emit.one('Pad', [x, emit.int64(pads)]);
  const size: Size = [h + top + (pads[4 + axes[0]] ?? 0), w + left + (pads[4 + axes[1]] ?? 0)];
  const views: string[] = [];
  for (let i = 0; i < conv.kernel[0]; i++) {
    for (let j = 0; j < conv.kernel[1]; j++) {
      const start: Size = [i * conv.dilations[0], j * conv.dilations[1]];
      const end: Size = [start[0] + (oh - 1) * sh + 1, start[1] + (ow - 1) * sw + 1];
      const whole = start.every((from) => from === 0) && end[0] === size[0] && end[1] === size[1] && sh === 1 && sw === 1;
      views.push(whole ? full : emit.one('Slice', [full, emit.int64(start), emit.int64(end), emit.int64(axes), emit.int64([sh, sw])]));
    }
  }
  return views;
}

/** [O, C, kh, kw] → [C, O, kh, kw] with both spatial axes reversed. */
function flipped(emit: Emitter, w: string, shape: Shape4): string {
  const [, , kh, kw] = shape;
  const all = (size: number): number[] => Array.from({ length: size }, (_, tap) => size - 1 - tap);
  return swapped(emit, pickTaps(emit, w, shape, all(kh), all(kw)), [shape[0], shape[1], kh, kw]);
}

function swapped(emit: Emitter, w: string, shape: Shape4): string {
  return emit.transpose(w, shape, [1, 0, 2, 3]);
}

/**
 * The filter's taps at the given rows and columns, which go down in equal steps. Taken upwards, then reversed as a whole: the provider
 * reverses from the last element only.
 */
function pickTaps(emit: Emitter, w: string, [, , kh, kw]: Shape4, rows: readonly number[], columns: readonly number[]): string {
  const chosen = [rows, columns];
  const sizes = [kh, kw];
  const slice = (value: string, starts: number[], ends: number[], steps: number[]): string => emit.one('Slice', [value, emit.int64(starts), emit.int64(ends), emit.int64([2, 3]), emit.int64(steps)]);
  const every = chosen.every((taps, axis) => taps.length === sizes[axis]);
  const starts = chosen.map((taps) => taps.at(-1) ?? 0);
  const ends = chosen.map((taps) => (taps[0] ?? 0) + 1);
  const picked = every ? w : slice(w, starts, ends, chosen.map((taps) => (taps.length < 2 ? 1 : (taps[0] ?? 0) - (taps[1] ?? 0))));
  if (chosen.every((taps) => taps.length === 1)) return picked;
  // Before the first element there is no index; a number below −size stands for it. One tap is its own reverse.
  const back = chosen.map((taps) => (taps.length > 1 ? { start: taps.length - 1, end: -taps.length - 1, step: -1 } : { start: 0, end: 1, step: 1 }));
  return slice(picked, back.map(({ start }) => start), back.map(({ end }) => end), back.map(({ step }) => step));
}

interface Phase {
  /** Taps of the filter that reach this phase, last first. */
  taps: number[];
  before: number;
  after: number;
}

/** Of stride 2: each phase of the input is a small convolution of dy without a wasted product (as in lowering/convolution.ts). */
function axisPhases(size: number, output: number, kernel: number, pad: number): Phase[] | undefined {
  if (size % 2 !== 0 || kernel < 2) return undefined;
  const phases = [0, 1].map((phase): Phase => {
    const first = (phase + pad) % 2;
    const taps: number[] = [];
    for (let tap = first; tap < kernel; tap += 2) taps.unshift(tap);
    const q = (phase + pad - first) / 2;
    return { taps, before: taps.length - 1 - q, after: size / 2 + q - output };
  });
  return phases.every(({ taps, before, after }) => taps.length > 0 && before >= 0 && after >= 0) ? phases : undefined;
}

function phasesOf(conv: ConvAttributes & { inputSize: Size }, [oh, ow]: Size): [Phase[], Phase[]] | undefined {
  if (conv.strides[0] !== 2 || conv.strides[1] !== 2 || conv.dilations[0] !== 1 || conv.dilations[1] !== 1) return undefined;
  const rows = axisPhases(conv.inputSize[0], oh, conv.kernel[0], conv.pads[0]);
  const columns = axisPhases(conv.inputSize[1], ow, conv.kernel[1], conv.pads[1]);
  return rows === undefined || columns === undefined ? undefined : [rows, columns];
}

/** Four convolutions, then their pixels interleaved: [N, C, h, w]. */
function byPhases(emit: Emitter, dy: string, w: string, wShape: Shape4, [n, channels, h, width]: Shape4, [rows, columns]: [Phase[], Phase[]]): string {
  const [outputs] = wShape;
  const half: Shape4 = [n, channels, h / 2, width / 2];
  const woven = rows.map((row) => {
    const parts = columns.map((column) => {
      const kernel: Size = [row.taps.length, column.taps.length];
      const filter = swapped(emit, pickTaps(emit, w, wShape, row.taps, column.taps), [outputs, channels, ...kernel]);
      const part = emit.one('Conv', [dy, filter], { kernel_shape: [...kernel], pads: [row.before, column.before, row.after, column.after] });
      return emit.reshape(part, half, [n * channels, h / 2, 1, width / 2, 1]);
    });
    return emit.reshape(emit.one('Concat', parts, { axis: 4 }), [n * channels, h / 2, 1, width / 2, 2], [n * channels, h / 2, 1, width]);
  });
  return emit.reshape(emit.one('Concat', woven, { axis: 2 }), [n * channels, h / 2, 2, width], [n, channels, h, width]);
}

/** Pixels moved apart by a stride, zeros between: y[i·sh, j·sw] = x[i, j]. */
function spreadOut(emit: Emitter, x: string, shape: Shape4, [sh, sw]: Size, [h, w]: Size): string {
  const [a, b, oh, ow] = shape;
  if (sh === 1 && sw === 1) return x;
  const open = emit.reshape(x, shape, [a * b, oh, 1, ow, 1]);
  const padded = emit.one('Pad', [open, emit.int64([0, 0, 0, 0, 0, 0, 0, sh - 1, 0, sw - 1])]);
  const grid = emit.reshape(padded, [a * b, oh, sh, ow, sw], [a, b, oh * sh, ow * sw]);
  return oh * sh === h && ow * sw === w ? grid : emit.one('Slice', [grid, emit.int64([0, 0]), emit.int64([h, w]), emit.int64([2, 3])]);
}

/** The part of [.., .., from] that begins at `before` and has the given size; what lies outside is zero. */
export function takeWindow(emit: Emitter, value: string, from: Size, before: Size, size: Size): string {
  const ends = size.map((length, axis) => Math.min((before[axis] ?? 0) + length, from[axis] ?? 0));
  const whole = before.every((skip) => skip === 0) && ends.every((end, axis) => end === from[axis]);
  const cut = whole ? value : emit.one('Slice', [value, emit.int64(before), emit.int64(ends), emit.int64([2, 3])]);
  const lacking = size.map((length, axis) => length - ((ends[axis] ?? 0) - (before[axis] ?? 0)));
  return lacking.every((count) => count === 0) ? cut : emit.one('Pad', [cut, emit.int64([0, 0, 0, 0, 0, 0, ...lacking])]);
}

/** Padding below zero takes pixels away before the convolution. @param pads [top, left, bottom, right] */
function cutNegative(emit: Emitter, x: string, [, , h, w]: Shape4, pads: readonly number[]): [string, number[]] {
  const [top = 0, left = 0, bottom = 0, right = 0] = pads;
  const positive = pads.map((pad) => Math.max(pad, 0));
  if (pads.every((pad) => pad >= 0)) return [x, positive];
  const cut = emit.one('Slice', [x, emit.int64([Math.max(-top, 0), Math.max(-left, 0)]), emit.int64([h - Math.max(-bottom, 0), w - Math.max(-right, 0)]), emit.int64([2, 3])]);
  return [cut, positive];
}

function channelsFrom(emit: Emitter, value: string, begin: number, count: number): string {
  return emit.one('Slice', [value, emit.int64([begin]), emit.int64([begin + count]), emit.int64([1])]);
}

/** What ConvTranspose must add at the end so that it returns the input's size: pixels the stride did not reach. */
function missing(conv: ConvAttributes & { inputSize: Size }, axis: 0 | 1, output: number): number {
  const pads = conv.pads[axis] + conv.pads[axis === 0 ? 2 : 3];
  return conv.inputSize[axis] - ((output - 1) * conv.strides[axis] + (conv.kernel[axis] - 1) * conv.dilations[axis] + 1 - pads);
}

