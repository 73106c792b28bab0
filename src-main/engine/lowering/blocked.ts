/**
 * @file Gradients of filters by the runtime's blocked convolution, its fastest kernel.
 *
 * [Note: Blocked operators] The runtime has convolutions that keep 8 or 16 channels (a vector of the processor) next to each
 * other: activations [N, C/b, H, W, b], filters [O/b, C/b, kh, kw, b, b]. It uses them by itself where weights never change; here
 * they are written out, and what they need is put in order by the graph. In the gradient of a filter the pictures are what is
 * added over, so they take the place of the channels: x is [C, N, H, W] as it lies, dy the filter, and no vector is ever half empty.
 */
import type { ConvAttributes } from '../kernels/attributes.ts';
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

/** Whether `lowerBlockedFilterGradient` can do it and is the faster way: the filter must be small next to the activations. */
export function suitsBlockedFilterGradient(emit: Emitter, [channels, n]: Shape4, [outputs, , oh, ow]: Shape4, conv: ConvAttributes): boolean {
  const block = emit.channelBlock;
  return block > 0 && conv.groups === 1 && n % block === 0 && outputs % block === 0 && n * oh * ow >= channels && conv.pads.every((pad) => pad >= 0);
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

/** [O, N, h, w] → the filter [O/b, N/b, h, w, b of N, b of O], under the shape that the operator expects. */
function filterOf(emit: Emitter, dy: string, [outputs, n, h, w]: Shape4): string {
  const block = emit.channelBlock;
  // The filters' own vectors first: they then move as wholes.
  const vectors = emit.one('ReorderInput', [emit.reshape(dy, [outputs, n, h, w], [1, outputs, n, h * w])], {}, BLOCKED);
  const apart = [outputs / block, n / block, block, h * w, block];
  const turned = emit.transpose(emit.reshape(vectors, [1, outputs, n, h * w], apart), apart, [0, 1, 3, 2, 4]);
  return emit.reshape(turned, [outputs / block, n / block, h * w, block, block], [outputs, n, h, w]);
}

function rowsOf(emit: Emitter, value: string, [, , h]: Shape4, [begin, end]: Size): string {
  if (begin === 0 && end === h) return value;
  return emit.one('Slice', [value, emit.int64([begin]), emit.int64([end]), emit.int64([2])]);
}
