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
const LARGEST_FILTER = 2 ** 20;

/** Whether `lowerBlockedConv` can do it and is the faster way: whole vectors of channels on both sides, and a filter with an extent. */
export function suitsBlockedConv(emit: Emitter, [channels]: Shape4, [outputs, , kh, kw]: Shape4, conv: ConvAttributes): boolean {
  const block = emit.channelBlock;
  return block > 0 && conv.groups === 1 && channels % block === 0 && outputs % block === 0 && kh * kw > 1 && outputs * channels * kh * kw <= LARGEST_FILTER && conv.pads.every((pad) => pad >= 0);
}

/** x [C, N, H, W], w [O, C, kh, kw] → y [O, N, oh, ow]. */
export function lowerBlockedConv(emit: Emitter, x: string, xShape: Shape4, w: string, wShape: Shape4, conv: ConvAttributes, [oh, ow]: Size): string {
  return convolveBlocked(emit, x, xShape, filterOf(emit, w, wShape), [wShape[0], xShape[1], oh, ow], conv);
}

/**
 * The gradient of the input of a convolution with stride 1: dy [O, N, oh, ow] by w [O, C, kh, kw], its taps in reverse → dx [C, N, H, W].
 *
 * @param conv of the convolution over dy, its pads above all
 */
export function lowerBlockedConvGradInput(emit: Emitter, dy: string, dyShape: Shape4, w: string, [outputs, channels, kh, kw]: Shape4, conv: ConvAttributes, [h, width]: Size): string {
  const block = emit.channelBlock;
  const taps = kh * kw;
  // Vectors of the base filter's input channels, which are this filter's outputs: they move as wholes from here on.
  const vectors = emit.one('ReorderInput', [emit.reshape(w, [outputs, channels, kh, kw], [outputs, channels, 1, taps])], {}, BLOCKED);
  const rows = [(outputs * channels) / block, taps, block];
  const reversed = emit.one('Gather', [emit.reshape(vectors, [outputs, channels, 1, taps], rows), emit.int64(Array.from({ length: taps }, (_, tap) => taps - 1 - tap))], { axis: 1 });
  const apart = [outputs / block, block, channels / block, taps, block];
  const turned = emit.transpose(emit.reshape(reversed, rows, apart), apart, [2, 0, 3, 1, 4]);
  const filter = emit.reshape(turned, [channels / block, outputs / block, taps, block, block], [channels, outputs, kh, kw]);
  return convolveBlocked(emit, dy, dyShape, filter, [channels, dyShape[1], h, width], conv);
}

/** Pictures first and channels in vectors, the convolution, and back. */
function convolveBlocked(emit: Emitter, x: string, [channels, n, h, width]: Shape4, filter: string, [outputs, , oh, ow]: Shape4, conv: ConvAttributes): string {
  const block = emit.channelBlock;
  const ordered = emit.one('ReorderInput', [emit.reshape(x, [channels, n, h, width], [1, channels, n, h * width])], {}, BLOCKED);
  const vectors = [channels / block, n, h * width * block];
  const pictures = emit.transpose(emit.reshape(ordered, [1, channels, n, h * width], vectors), vectors, [1, 0, 2]);
  const y = emit.one('Conv', [emit.reshape(pictures, [n, channels / block, h * width * block], [n, channels, h, width]), filter], conv2dAttributes(conv), BLOCKED);
  const perPicture = [n, outputs / block, oh * ow * block];
  const perBlock = emit.transpose(emit.reshape(y, [n, outputs, oh, ow], perPicture), perPicture, [1, 0, 2]);
  const plain = emit.one('ReorderOutput', [emit.reshape(perBlock, [outputs / block, n, oh * ow * block], [1, outputs, n, oh * ow])], { channels: outputs }, BLOCKED);
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
  const plain = emit.one('ReorderOutput', [total], { channels: outputs }, BLOCKED);
  return emit.transpose(plain, [channels, outputs, kh, kw], [1, 0, 2, 3]);
}

/** [O, C, h, w] → the filter [O/b, C/b, h, w, b of C, b of O], under the shape that the operator expects. */
function filterOf(emit: Emitter, w: string, [outputs, channels, kh, kw]: Shape4): string {
  const block = emit.channelBlock;
  const whole = wholeVectors(outputs, block);
  // The filters' own vectors first: they then move as wholes.
  const vectors = emit.one('ReorderInput', [emit.reshape(w, [outputs, channels, kh, kw], [1, outputs, channels, kh * kw])], {}, BLOCKED);
  const apart = [whole / block, channels / block, block, kh * kw, block];
  const turned = emit.transpose(emit.reshape(vectors, [1, whole, channels, kh * kw], apart), apart, [0, 1, 3, 2, 4]);
  return emit.reshape(turned, [whole / block, channels / block, kh * kw, block, block], [whole, channels, kh, kw]);
}

function rowsOf(emit: Emitter, value: string, [, , h]: Shape4, [begin, end]: Size): string {
  if (begin === 0 && end === h) return value;
  return emit.one('Slice', [value, emit.int64([begin]), emit.int64([end]), emit.int64([2])]);
}
