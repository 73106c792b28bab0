/**
 * @file Convolution kernels for engines that execute tfjs ops one by one. The common cases use the engine's own
 * convolution (NHWC, where every tfjs backend is complete); dilated gradients and groups are matrix products of slices.
 */
import { tf, type Tensor } from '../tfjs.ts';
import { activationOf, type ConvAttributes } from './attributes.ts';

type Tensor4D = ReturnType<typeof tf.tensor4d>;

/** Activation → [N, H, W, C] and back. */
export function toNhwc(x: Tensor, layout: ConvAttributes['layout']): Tensor4D {
  return tf.transpose(x, layout === 'nchw' ? [0, 2, 3, 1] : [1, 2, 3, 0]) as Tensor4D;
}
export function fromNhwc(x: Tensor, layout: ConvAttributes['layout']): Tensor {
  return tf.transpose(x, layout === 'nchw' ? [0, 3, 1, 2] : [3, 0, 1, 2]);
}

function padded(x: Tensor4D, [top, left, bottom, right]: ConvAttributes['pads']): Tensor4D {
  if (top + left + bottom + right === 0) return x;
  return tf.pad<Tensor4D>(x, [[0, 0], [top, bottom], [left, right], [0, 0]]);
}

function isPlain(conv: ConvAttributes): boolean {
  return conv.groups === 1 && conv.dilations[0] === 1 && conv.dilations[1] === 1;
}

export function eagerConv(x: Tensor, w: Tensor, conv: ConvAttributes): Tensor {
  const input = padded(toNhwc(x, conv.layout), conv.pads);
  if (conv.groups === 1) return fromNhwc(convolve(input, w, conv), conv.layout);
  const [outputs = 0, perGroup = 0] = w.shape;
  const outputsPerGroup = outputs / conv.groups;
  const parts = Array.from({ length: conv.groups }, (_, group) => {
    const part = tf.slice<typeof tf.Rank.R4, Tensor4D>(input, [0, 0, 0, group * perGroup], [-1, -1, -1, perGroup]);
    return convolve(part, tf.slice(w, [group * outputsPerGroup, 0, 0, 0], [outputsPerGroup, -1, -1, -1]), conv);
  });
  return fromNhwc(tf.concat(parts, 3), conv.layout);
}

/** One group. tfjs takes strides or dilations, not both: then the filter is spread out with zeros. */
function convolve(input: Tensor4D, w: Tensor, { strides, dilations }: ConvAttributes): Tensor4D {
  const both = Math.max(...strides) > 1 && Math.max(...dilations) > 1;
  const filter = tf.transpose(both ? spreadFilter(w, dilations) : w, [2, 3, 1, 0]) as Tensor4D;
  return tf.conv2d(input, filter, strides, 'valid', 'NHWC', both ? [1, 1] : dilations);
}

/** [O, C, kh, kw] → [O, C, (kh−1)·dh + 1, (kw−1)·dw + 1] with zeros between the taps. */
function spreadFilter(w: Tensor, [dh, dw]: [number, number]): Tensor {
  const [outputs = 0, channels = 0, kh = 0, kw = 0] = w.shape;
  const open = tf.pad(tf.reshape(w, [outputs * channels * kh, 1, kw, 1]), [[0, 0], [0, dh - 1], [0, 0], [0, dw - 1]]);
  const grid = tf.reshape(open, [outputs, channels, kh * dh, kw * dw]);
  return tf.slice(grid, [0, 0, 0, 0], [-1, -1, (kh - 1) * dh + 1, (kw - 1) * dw + 1]);
}

export function eagerConvGradInput(dy: Tensor, w: Tensor, conv: ConvAttributes & { inputSize: [number, number] }): Tensor {
  const { n } = activationOf(conv.layout, dy.shape);
  const upstream = toNhwc(dy, conv.layout);
  const [h, width] = conv.inputSize;
  const [top, left, bottom, right] = conv.pads;
  const full: [number, number] = [h + top + bottom, width + left + right];
  const [outputs = 0, perGroup = 0] = w.shape;
  const outputsPerGroup = outputs / conv.groups;
  const parts = Array.from({ length: conv.groups }, (_, group) => {
    const part = conv.groups === 1 ? upstream : tf.slice(upstream, [0, 0, 0, group * outputsPerGroup], [-1, -1, -1, outputsPerGroup]);
    const weights = conv.groups === 1 ? w : tf.slice(w, [group * outputsPerGroup, 0, 0, 0], [outputsPerGroup, -1, -1, -1]);
    return isPlain({ ...conv, groups: 1 })
      ? tf.conv2dTranspose(part, tf.transpose(weights, [2, 3, 1, 0]) as Tensor4D, [n, ...full, perGroup], conv.strides, 'valid')
      : spreadProducts(part, weights, conv, full);
  });
  const dx = conv.groups === 1 ? (parts[0] ?? upstream) : tf.concat(parts, 3);
  return fromNhwc(tf.slice(dx, [0, top, left, 0], [-1, h, width, -1]), conv.layout);
}

export function eagerConvGradFilter(x: Tensor, dy: Tensor, conv: ConvAttributes): Tensor {
  const input = padded(toNhwc(x, conv.layout), conv.pads);
  const upstream = toNhwc(dy, conv.layout);
  const { c: outputs } = activationOf(conv.layout, dy.shape);
  const { c: channels } = activationOf(conv.layout, x.shape);
  const perGroup = channels / conv.groups;
  const outputsPerGroup = outputs / conv.groups;
  const parts = Array.from({ length: conv.groups }, (_, group) => {
    const xPart = conv.groups === 1 ? input : tf.slice(input, [0, 0, 0, group * perGroup], [-1, -1, -1, perGroup]);
    const dyPart = conv.groups === 1 ? upstream : tf.slice(upstream, [0, 0, 0, group * outputsPerGroup], [-1, -1, -1, outputsPerGroup]);
    return tapProducts(xPart, dyPart, conv);
  });
  return conv.groups === 1 ? (parts[0] ?? x) : tf.concat(parts, 0);
}

/** dW[o, c, i, j] = Σ dy[o]·x[c] shifted to tap (i, j): one matrix product per tap, [O, C, kh, kw]. */
function tapProducts(x: Tensor, dy: Tensor, conv: ConvAttributes): Tensor {
  const [, oh = 0, ow = 0, outputs = 0] = dy.shape;
  const channels = x.shape[3] ?? 0;
  const flatDy = tf.reshape(dy, [-1, outputs]);
  const taps: Tensor[] = [];
  for (let i = 0; i < conv.kernel[0]; i++) {
    for (let j = 0; j < conv.kernel[1]; j++) {
      const seen = everyPixel(x, i * conv.dilations[0], j * conv.dilations[1], oh, ow, conv.strides);
      taps.push(tf.matMul(flatDy, tf.reshape(seen, [-1, channels]), true, false));
    }
  }
  return tf.reshape(tf.stack(taps, 2), [outputs, channels, ...conv.kernel]);
}

/** dx of a dilated convolution: each tap's product is padded to its place and added. */
function spreadProducts(dy: Tensor, w: Tensor, conv: ConvAttributes, [fullH, fullW]: [number, number]): Tensor4D {
  const [n = 0, oh = 0, ow = 0, outputs = 0] = dy.shape;
  const channels = w.shape[1] ?? 0;
  const [sh, sw] = conv.strides;
  const flatDy = tf.reshape(dy, [-1, outputs]);
  let total: Tensor = tf.zeros([n, fullH, fullW, channels]);
  for (let i = 0; i < conv.kernel[0]; i++) {
    for (let j = 0; j < conv.kernel[1]; j++) {
      const tap = tf.reshape(tf.slice(w, [0, 0, i, j], [-1, -1, 1, 1]), [outputs, channels]);
      const open = tf.pad(tf.reshape(tf.matMul(flatDy, tap), [n * oh, 1, ow, 1, channels]), [[0, 0], [0, sh - 1], [0, 0], [0, sw - 1], [0, 0]]);
      const grid = tf.slice(tf.reshape(open, [n, oh * sh, ow * sw, channels]), [0, 0, 0, 0], [-1, (oh - 1) * sh + 1, (ow - 1) * sw + 1, -1]);
      const top = i * conv.dilations[0];
      const left = j * conv.dilations[1];
      const place: [number, number][] = [[0, 0], [top, fullH - top - (grid.shape[1] ?? 0)], [left, fullW - left - (grid.shape[2] ?? 0)], [0, 0]];
      total = tf.add(total, tf.pad(grid, place));
    }
  }
  return total as Tensor4D;
}

/** x[n, top + r·sh, left + c·sw, :] for r < oh, c < ow. */
export function everyPixel(x: Tensor, top: number, left: number, oh: number, ow: number, [sh, sw]: [number, number]): Tensor {
  const [batch = 0, , , channels = 0] = x.shape;
  return tf.stridedSlice(
    x,
    [0, top, left, 0],
    [batch, top + (oh - 1) * sh + 1, left + (ow - 1) * sw + 1, channels],
    [1, sh, sw, 1],
  );
}

