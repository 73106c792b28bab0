/**
 * @file Convolutions and gradients of filters by the runtime's blocked convolution, its fastest kernel.
 *
 * [Note: Blocked operators] The runtime has convolutions that keep 8 or 16 channels (a vector of the processor) next to each
 * other: activations [N, C/b, H, W, b], filters [O/b, C/b, kh, kw, b, b]. It uses them by itself where weights never change; here
 * they are written out, and what they need is put in order by the graph. In the gradient of a filter the pictures are what is
 * added over, so they take the place of the channels: x is [C, N, H, W] as it lies, dy the filter. What an operator finds missing to a
 * whole vector it fills with zeros.
 */
import type { ConvAttributes } from '../kernels/attributes.ts';
import { conv2dAttributes } from './conv2d-attributes.ts';
import type { Emitter } from './emitter.ts';
import { padColumns } from './selection.ts';

type Size = readonly [number, number];
type Shape4 = readonly [number, number, number, number];

/** Domain of the runtime's blocked operators. */
export const BLOCKED = 'com.microsoft.nchwc';

/** Floats of dy that stay in a core's cache while all pixels of x pass by; more is added up piece by piece. */
const PIECE = 2 ** 19;
/** Filters that the kernel computes side by side, in blocks. */
const FILTER_SET = 4;

/** Elements of a filter that is put in order at every step: beyond, that takes longer than the faster kernel saves. */
const LARGEST_FILTER = 2 ** 22;
/** Pixels of a map on which pictures beside each other are worth the additional order: on larger ones few pixels are at a border. */
const SMALL_MAP = 256;

/** Whether `lowerBlockedConv` can do it and is the faster way: whole vectors of channels on both sides (or, coming in, the few of a picture), and a filter with an extent. */
export function suitsBlockedConv(emit: Emitter, [channels]: Shape4, wShape: Shape4, conv: ConvAttributes): boolean {
  const [outputs] = wShape;
  const block = emit.channelBlock;
  return suitsBlocks(block, wShape, conv) && outputs % block === 0 && (channels % block === 0 || channels < block) && conv.pads.every((pad) => pad >= 0);
}

/** Whether `lowerBlockedConvGradInput` can do it and is the faster way. */
export function suitsBlockedConvGradInput(emit: Emitter, wShape: Shape4, conv: ConvAttributes): boolean {
  const [outputs, channels] = wShape;
  return suitsBlocks(emit.channelBlock, wShape, conv) && outputs % emit.channelBlock === 0 && channels % emit.channelBlock === 0;
}

function suitsBlocks(block: number, [outputs, channels, kh, kw]: Shape4, conv: ConvAttributes): boolean {
  return block > 0 && conv.groups === 1 && kh * kw > 1 && outputs * channels * kh * kw <= LARGEST_FILTER;
}

/** x [C, N, H, W], w [O, C, kh, kw] → y [O, N, oh, ow]. */
export function lowerBlockedConv(emit: Emitter, x: string, xShape: Shape4, w: string, wShape: Shape4, conv: ConvAttributes, [oh, ow]: Size): string {
  return convolveBlocked(emit, x, xShape, filterOf(emit, w, wShape), [wShape[0], xShape[1], oh, ow], conv);
}

/**
 * The gradient of the input of a convolution, or every other pixel of it: dy [O, N, oh, ow] by some taps of w [O, C, kh, kw] → dx [C, N, H, W].
 *
 * @param taps the places in the filter, row by row, as the convolution over dy takes them; all of them in reverse for stride 1
 * @param conv of the convolution over dy: how many rows and columns of taps, its pads
 */
export function lowerBlockedConvGradInput(emit: Emitter, dy: string, dyShape: Shape4, w: string, wShape: Shape4, taps: readonly number[], conv: ConvAttributes, [h, width]: Size): string {
  const [, channels] = wShape;
  return convolveBlocked(emit, dy, dyShape, turnedFilterOf(emit, w, wShape, taps, conv.kernel), [channels, dyShape[1], h, width], conv);
}

function convolveBlocked(emit: Emitter, x: string, xShape: Shape4, filter: string, yShape: Shape4, conv: ConvAttributes): string {
  const [channels, n, h, width] = xShape;
  const beside = channels >= emit.channelBlock && n % emit.channelBlock === 0 && conv.strides[1] === 1 && Math.max(h * width, yShape[2] * yShape[3]) <= SMALL_MAP;
  return beside ? convolveBeside(emit, x, xShape, filter, yShape, conv) : convolvePictures(emit, x, xShape, filter, yShape, conv);
}

/** Picture by picture: pictures first and channels in vectors, the convolution, and back. */
function convolvePictures(emit: Emitter, x: string, [channels, n, h, width]: Shape4, filter: string, [outputs, , oh, ow]: Shape4, conv: ConvAttributes): string {
  const block = emit.channelBlock;
  const y = emit.one('Conv', [picturesOf(emit, x, [channels, n, h, width]), filter], conv2dAttributes(conv), BLOCKED);
  const perBlock = swapFirst(emit, y, [n, outputs, oh, ow], [n, outputs / block, oh * ow * block]);
  return plainOf(emit, perBlock, [outputs / block, n, oh * ow * block], [outputs, n, oh, ow]);
}

/** [C, N, H, W] → [N, C/b, H, W, b], under the shape that the operator expects; of fewer channels than a vector it takes [N, C, H, W]. */
function picturesOf(emit: Emitter, x: string, [channels, n, h, width]: Shape4): string {
  const block = emit.channelBlock;
  if (channels < block) return emit.transpose(x, [channels, n, h, width], [1, 0, 2, 3]);
  const vectors = firstInVectors(emit, x, [channels, n, h, width], [channels, n, h, width]);
  const pictures = swapFirst(emit, vectors, [1, channels, n, h * width], [channels / block, n, h * width * block]);
  return emit.reshape(pictures, [n, channels / block, h * width * block], [n, channels, h, width]);
}

/**
 * A vector's worth of pictures beside each other, pixel by pixel: rows of [W, b pictures] in which a filter's columns are b apart. The
 * kernel computes pixels at a border one by one, and small maps are nearly all border; here a border is b pixels of the same kind.
 */
function convolveBeside(emit: Emitter, x: string, [channels, n, h, width]: Shape4, filter: string, [outputs, , oh, ow]: Shape4, conv: ConvAttributes): string {
  const block = emit.channelBlock;
  const groups = n / block;
  const row = h * width * block * block;
  const ordered = bothInVectors(emit, x, [channels, n, h, width]);
  const perGroup = swapFirst(emit, ordered, [1, channels, n, h * width], [channels / block, groups, row]);
  const image = emit.reshape(perGroup, [groups, channels / block, row], [groups, channels, h, width * block]);
  const [top, left, bottom, right] = conv.pads;
  const y = emit.one('Conv', [image, filter], { ...conv2dAttributes(conv), pads: [top, left * block, bottom, right * block], dilations: [conv.dilations[0], conv.dilations[1] * block] }, BLOCKED);
  const yRow = oh * ow * block * block;
  const perBlock = swapFirst(emit, y, [groups, outputs, oh, ow * block], [groups, outputs / block, yRow]);
  const perChannel = plainOf(emit, perBlock, [outputs / block, groups, yRow], [outputs, n, oh, ow]);
  const plain = emit.one('ReorderOutput', [emit.reshape(perChannel, [outputs, n, oh, ow], [outputs, n, 1, oh * ow])], { channels: n }, BLOCKED);
  return emit.reshape(plain, [outputs, n, 1, oh * ow], [outputs, n, oh, ow]);
}

/** A value as [a, b, row] → [b, a, row]. */
function swapFirst(emit: Emitter, value: string, from: readonly number[], as: readonly [number, number, number]): string {
  return emit.transpose(emit.reshape(value, from, as), as, [1, 0, 2]);
}

/** [O/b, N, oh·ow·b], in whatever shape it is, → [O, N, oh, ow]; what was filled to whole vectors falls away. */
function plainOf(emit: Emitter, vectors: string, from: readonly number[], [outputs, n, oh, ow]: Shape4): string {
  const whole = wholeVectors(outputs, emit.channelBlock);
  const plain = emit.one('ReorderOutput', [emit.reshape(vectors, from, [1, whole, n, oh * ow])], { channels: outputs }, BLOCKED);
  return emit.reshape(plain, [1, outputs, n, oh * ow], [outputs, n, oh, ow]);
}

/** Whether `lowerBlockedFilterGradient` can do it and is the faster way: the filter must be small next to the activations. */
export function suitsBlockedFilterGradient(emit: Emitter, [channels, n]: Shape4, [outputs, , oh, ow]: Shape4, conv: ConvAttributes): boolean {
  const block = emit.channelBlock;
  return block > 0 && conv.groups === 1 && n % block === 0 && fillsVectors(outputs, block) && n * oh * ow >= channels && conv.pads.every((pad) => pad >= 0);
}

/** The operator that puts channels next to each other takes multiples of four; more than a third of zeros would not pay. */
function fillsVectors(channels: number, block: number): boolean {
  return channels % 4 === 0 && 1.5 * channels >= wholeVectors(channels, block);
}

function wholeVectors(channels: number, block: number): number {
  return Math.ceil(channels / block) * block;
}

/** x [C, N, H, W], dy [O, N, oh, ow] → dw [O, C, kh, kw]. */
export function lowerBlockedFilterGradient(emit: Emitter, x: string, xShape: Shape4, dy: string, dyShape: Shape4, conv: ConvAttributes): string {
  const [channels, n, h, width] = xShape;
  const [outputs, , oh, ow] = dyShape;
  const [kh, kw] = conv.kernel;
  const [top, left] = conv.pads;
  const [sh, sw] = conv.strides;
  const [dh, dw] = conv.dilations;
  // Columns are padded here: the kernel computes pixels at the border one by one, and of three columns two are border.
  const usedWidth = (ow - 1) * sw + (kw - 1) * dw + 1;
  const padded = padColumns(emit, x, xShape, left, usedWidth - left - width);
  const wide: Shape4 = [channels, n, h, usedWidth];
  const perRow = Math.min(outputs, FILTER_SET * emit.channelBlock) * n * ow;
  const rows = Math.max(1, Math.min(oh, Math.floor(PIECE / perRow)));
  let total = '';
  for (let first = 0; first < oh; first += rows) {
    const count = Math.min(rows, oh - first);
    // Rows of x under these rows of dy; what lies outside is padding, which the kernel skips.
    const begin = first * sh - top;
    const end = begin + (count - 1) * sh + (kh - 1) * dh + 1;
    const inside: Size = [Math.max(begin, 0), Math.min(end, h)];
    if (inside[0] >= inside[1]) continue;
    const xPart = rowsOf(emit, padded, wide, inside);
    const filter = filterOf(emit, rowsOf(emit, dy, dyShape, [first, first + count]), [outputs, n, count, ow]);
    total = emit.one(
      'Conv',
      [emit.one('ReorderInput', [xPart], {}, BLOCKED), filter, ...(total === '' ? [] : ['', total])],
      { kernel_shape: [count, ow], dilations: [sh, sw], strides: [dh, dw], pads: [inside[0] - begin, 0, end - inside[1], 0] },
      BLOCKED,
    );
  }
  const blocks = wholeVectors(outputs, emit.channelBlock) / emit.channelBlock;
  const row = kh * kw * emit.channelBlock;
  // Whole rows of taps change places before vectors are taken apart.
  const perBlock = swapFirst(emit, total, [channels, blocks * emit.channelBlock, kh, kw], [channels, blocks, row]);
  return plainOf(emit, perBlock, [blocks, channels, row], [outputs, channels, kh, kw]);
}

/** [O, C, h, w] → the filter [O/b, C/b, h, w, b of C, b of O], under the shape that the operator expects. */
function filterOf(emit: Emitter, w: string, [outputs, channels, kh, kw]: Shape4): string {
  const whole = wholeVectors(outputs, emit.channelBlock);
  return emit.reshape(bothInVectors(emit, w, [outputs, channels, kh, kw]), [1, whole, channels, kh * kw], [whole, channels, kh, kw]);
}

/** [A, B, h, w] → [A/b, B/b, h·w, b of B, b of A] as [1, A, B, h·w], A filled to whole vectors; [A/b, B, h·w, b of A] where B is less than a vector. */
function bothInVectors(emit: Emitter, value: string, [a, b, h, w]: Shape4): string {
  if (b < emit.channelBlock) return firstInVectors(emit, value, [a, b, h, w], [a, b, h, w]);
  return firstInVectors(emit, secondInVectors(emit, value, [a, b, h, w]), [a, b, 1, h * w], [a, b, h, w]);
}

/** [A, B, h, w], in whatever shape it is, → [A/b, B, h·w, b of A] as [1, A, B, h·w]. */
function firstInVectors(emit: Emitter, value: string, from: readonly number[], [a, b, h, w]: Shape4): string {
  return emit.one('ReorderInput', [emit.reshape(value, from, [1, a, b, h * w])], {}, BLOCKED);
}

/** [A, B, h, w] → [A, B/b, h·w, b of B] as [A, B, 1, h·w]. */
function secondInVectors(emit: Emitter, value: string, [a, b, h, w]: Shape4): string {
  return emit.one('ReorderInput', [emit.reshape(value, [a, b, h, w], [a, b, 1, h * w])], {}, BLOCKED);
}

/** Some taps of [O, C, kh, kw] → the filter of the gradient of the input [C/b, O/b, taps, b of O, b of C], under the shape that the operator expects. */
function turnedFilterOf(emit: Emitter, w: string, [outputs, channels, kh, kw]: Shape4, taps: readonly number[], [rows, columns]: Size): string {
  const block = emit.channelBlock;
  const vectors = emit.reshape(secondInVectors(emit, w, [outputs, channels, kh, kw]), [outputs, channels, 1, kh * kw], [(outputs * channels * kh * kw) / block, block]);
  const order = emit.sharedInt64(`turned:${[outputs, channels, kh * kw, block].join(',')}:${taps.join(',')}`, () => turnedOrder(outputs, channels / block, kh * kw, taps, block));
  return emit.reshape(emit.one('Gather', [vectors, order], { axis: 0 }), [(outputs * channels * taps.length) / block, block], [channels, outputs, rows, columns]);
}

/** For every vector of the turned filter, which one of [O, C/b, all taps] it is. */
function turnedOrder(outputs: number, channelBlocks: number, allTaps: number, taps: readonly number[], block: number): number[] {
  const order: number[] = [];
  for (let c = 0; c < channelBlocks; c++) for (let o = 0; o < outputs; o += block) for (const tap of taps) {
    for (let inner = 0; inner < block; inner++) order.push(((o + inner) * channelBlocks + c) * allTaps + tap);
  }
  return order;
}

function rowsOf(emit: Emitter, value: string, [, , h]: Shape4, [begin, end]: Size): string {
  if (begin === 0 && end === h) return value;
  return emit.one('Slice', [value, emit.int64([begin]), emit.int64([end]), emit.int64([2])]);
}
