/** @file Pooling and normalisation kernels for eager engines, written with tfjs ops; gradients in closed form. */
import { tf, type Tensor } from '../tfjs.ts';
import { activationOf, activationShape, channelAxis, windowOutputs, type PoolAttributes } from './attributes.ts';
import type { ActivationLayout } from '../types.ts';

interface Norm {
  layout: ActivationLayout;
  epsilon: number;
}

/**
 * The k² shifted views of x, each [.., .., oh, ow]; `fill` stands outside the input.
 * The leading axes are independent: any activation layout.
 */
function windows(x: Tensor, pool: PoolAttributes, fill: number): Tensor[] {
  const [a = 0, b = 0, h = 0, w = 0] = x.shape;
  const [oh, ow] = windowOutputs(pool, h, w, pool.ceil);
  const needH = (oh - 1) * pool.strides[0] + (pool.kernel[0] - 1) * pool.dilations[0] + 1;
  const needW = (ow - 1) * pool.strides[1] + (pool.kernel[1] - 1) * pool.dilations[1] + 1;
  const [top, left] = pool.pads;
  const full = tf.pad(x, [[0, 0], [0, 0], [top, Math.max(needH - top - h, 0)], [left, Math.max(needW - left - w, 0)]], fill);
  const views: Tensor[] = [];
  for (let i = 0; i < pool.kernel[0]; i++) {
    for (let j = 0; j < pool.kernel[1]; j++) {
      const y = i * pool.dilations[0];
      const z = j * pool.dilations[1];
      views.push(
        tf.stridedSlice(full, [0, 0, y, z], [a, b, y + (oh - 1) * pool.strides[0] + 1, z + (ow - 1) * pool.strides[1] + 1], [1, 1, ...pool.strides]),
      );
    }
  }
  return views;
}

/** Inverse of `windows`: adds k² maps of [.., .., oh, ow] back at their places in an input of the given shape. */
function unwindows(maps: Tensor[], pool: PoolAttributes, shape: readonly number[]): Tensor {
  const [a = 0, b = 0, h = 0, w = 0] = shape;
  const [, , oh = 0, ow = 0] = maps[0]?.shape ?? [];
  const [sh, sw] = pool.strides;
  const [top, left] = pool.pads;
  let total: Tensor = tf.zeros([a, b, h, w]);
  maps.forEach((map, index) => {
    const i = Math.floor(index / pool.kernel[1]) * pool.dilations[0];
    const j = (index % pool.kernel[1]) * pool.dilations[1];
    const open = tf.pad(tf.reshape(map, [a * b * oh, 1, ow, 1]), [[0, 0], [0, sh - 1], [0, 0], [0, sw - 1]]);
    const grid = tf.reshape(open, [a, b, oh * sh, ow * sw]);
    // Place at (i − top, j − left), then cut to the input.
    const wide = tf.pad(grid, [[0, 0], [0, 0], [i, Math.max(h + top - i - oh * sh, 0)], [j, Math.max(w + left - j - ow * sw, 0)]]);
    total = tf.add(total, tf.slice(wide, [0, 0, top, left], [a, b, h, w]));
  });
  return total;
}

export function eagerMaxPool(x: Tensor, pool: PoolAttributes): Tensor {
  return windows(x, pool, Number.NEGATIVE_INFINITY).reduce((best, view) => tf.maximum(best, view));
}

/** To the first maximum in row-major order within each window. */
export function eagerMaxPoolGrad(x: Tensor, y: Tensor, dy: Tensor, pool: PoolAttributes): Tensor {
  let free: Tensor = tf.onesLike(y);
  const maps = windows(x, pool, Number.NEGATIVE_INFINITY).map((view) => {
    const hit = tf.mul(tf.cast(tf.equal(view, y), 'float32'), free);
    free = tf.sub(free, hit);
    return tf.mul(dy, hit);
  });
  return unwindows(maps, pool, x.shape);
}

export function eagerAveragePool(x: Tensor, pool: PoolAttributes, inverse: Tensor): Tensor {
  return tf.mul(windows(x, pool, 0).reduce((sum, view) => tf.add(sum, view)), inverse);
}

export function eagerAveragePoolGrad(dy: Tensor, pool: PoolAttributes & { inputSize: [number, number] }, inverse: Tensor): Tensor {
  const { n, c } = activationOf(pool.layout, dy.shape);
  const shared = tf.mul(dy, inverse);
  const maps = Array.from({ length: pool.kernel[0] * pool.kernel[1] }, () => shared);
  return unwindows(maps, pool, activationShape(pool.layout, n, c, ...pool.inputSize));
}

function geometry(layout: ActivationLayout, shape: readonly number[]): { axes: number[]; wide: (value: Tensor) => Tensor; count: number } {
  const axis = channelAxis(layout);
  const channels = shape[axis] ?? 1;
  return {
    axes: shape.map((_, index) => index).filter((index) => index !== axis),
    wide: (value) => tf.reshape(value, shape.map((_, index) => (index === axis ? channels : 1))),
    count: shape.reduce((product, size) => product * size, 1) / channels,
  };
}

export function eagerBatchNormTrain(x: Tensor, scale: Tensor, bias: Tensor, { layout, epsilon }: Norm): Tensor[] {
  const { axes, wide } = geometry(layout, x.shape);
  const mean = tf.mean(x, axes);
  const centred = tf.sub(x, wide(mean));
  const variance = tf.mean(tf.square(centred), axes);
  const inverse = tf.rsqrt(tf.add(variance, tf.scalar(epsilon)));
  const y = tf.add(tf.mul(centred, wide(tf.mul(inverse, scale))), wide(bias));
  return [y, mean, variance, inverse];
}

export function eagerBatchNormTrainGrad(dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, inverse: Tensor, { layout }: Norm): Tensor[] {
  const { axes, wide, count } = geometry(layout, x.shape);
  const normalised = tf.mul(tf.sub(x, wide(mean)), wide(inverse));
  const dbias = tf.sum(dy, axes);
  const dscale = tf.sum(tf.mul(dy, normalised), axes);
  const inner = tf.sub(tf.sub(dy, wide(tf.div(dbias, tf.scalar(count)))), tf.mul(normalised, wide(tf.div(dscale, tf.scalar(count)))));
  return [tf.mul(inner, wide(tf.mul(scale, inverse))), dscale, dbias];
}

export function eagerBatchNormEval(x: Tensor, scale: Tensor, bias: Tensor, mean: Tensor, variance: Tensor, { layout, epsilon }: Norm): Tensor {
  const { wide } = geometry(layout, x.shape);
  const factor = tf.mul(scale, tf.rsqrt(tf.add(variance, tf.scalar(epsilon))));
  return tf.add(tf.mul(x, wide(factor)), wide(tf.sub(bias, tf.mul(mean, factor))));
}

export function eagerLayerNorm(x: Tensor, scale: Tensor, bias: Tensor, epsilon: number): Tensor[] {
  const mean = tf.mean(x, -1, true);
  const centred = tf.sub(x, mean);
  const inverse = tf.rsqrt(tf.add(tf.mean(tf.square(centred), -1, true), tf.scalar(epsilon)));
  return [tf.add(tf.mul(tf.mul(centred, inverse), scale), bias), mean, inverse];
}

export function eagerLayerNormGrad(dy: Tensor, x: Tensor, scale: Tensor, mean: Tensor, inverse: Tensor): Tensor[] {
  const rows = x.shape.map((_, axis) => axis).slice(0, -1);
  const normalised = tf.mul(tf.sub(x, mean), inverse);
  const g = tf.mul(dy, scale);
  const inner = tf.sub(tf.sub(g, tf.mean(g, -1, true)), tf.mul(normalised, tf.mean(tf.mul(g, normalised), -1, true)));
  return [tf.mul(inner, inverse), tf.sum(tf.mul(dy, normalised), rows), tf.sum(dy, rows)];
}
