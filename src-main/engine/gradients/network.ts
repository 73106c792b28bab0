/** @file Gradients of our own kernels: each is the kernel of the opposite direction. */
import type { ConvAttributes, PoolAttributes } from '../kernels/attributes.ts';
import { activationOf } from '../kernels/attributes.ts';
import { KERNELS } from '../kernels/names.ts';
import { runKernel, runKernelMulti, tf, type Tensor } from '../tfjs.ts';
import { gradient, one, unbroadcast } from './register.ts';

export function registerNetworkGradients(): void {
  gradient(KERNELS.conv, ['x', 'w'], false, (dy, [x, w], attributes) => {
    const conv = attributes as unknown as ConvAttributes;
    return {
      x: () => {
        const { h, w: width } = activationOf(conv.layout, one(x).shape);
        return runKernel(KERNELS.convGradInput, { dy, w: one(w) }, { ...conv, inputSize: [h, width] });
      },
      w: () => runKernel(KERNELS.convGradFilter, { x: one(x), dy }, { ...conv }),
    };
  });
  gradient(KERNELS.maxPool, ['x'], true, (dy, [x, y], attributes) => ({
    x: () => runKernel(KERNELS.maxPoolGrad, { x: one(x), y: one(y), dy }, attributes),
  }));
  gradient(KERNELS.averagePool, ['x'], false, (dy, [x], attributes) => {
    const pool = attributes as unknown as PoolAttributes;
    const { h, w } = activationOf(pool.layout, one(x).shape);
    return { x: () => runKernel(KERNELS.averagePoolGrad, { dy }, { ...pool, inputSize: [h, w] }) };
  });
  gradient(KERNELS.batchNormTrain, ['x', 'scale'], true, (dy, [x, scale, , mean, , inverse], attributes) => {
    const inputs = { dy, x: one(x), scale: one(scale), mean: one(mean), inverseDeviation: one(inverse) };
    return named(runKernelMulti(KERNELS.batchNormTrainGrad, inputs, attributes));
  });
  gradient(KERNELS.batchNormEval, ['x', 'scale', 'mean', 'variance'], false, (dy, saved, attributes) => {
    const [x, scale, mean, variance] = saved;
    const { layout, epsilon } = attributes as { layout: 'nchw' | 'cnhw'; epsilon: number };
    const perChannel = (value: Tensor): Tensor =>
      tf.reshape(value, layout === 'nchw' ? [1, value.size, 1, 1] : [value.size, 1, 1, 1]);
    const others = layout === 'nchw' ? [0, 2, 3] : [1, 2, 3];
    const inverse = (): Tensor => tf.reciprocal(tf.sqrt(tf.add(one(variance), tf.scalar(epsilon))));
    return {
      x: () => tf.mul(dy, perChannel(tf.mul(one(scale), inverse()))),
      scale: () =>
        tf.mul(tf.sum(tf.mul(dy, tf.sub(one(x), perChannel(one(mean)))), others), inverse()),
      bias: () => tf.sum(dy, others),
      mean: () => tf.zeros(one(mean).shape),
      variance: () => tf.zeros(one(variance).shape),
    };
  });
  gradient(KERNELS.layerNorm, ['x', 'scale'], true, (dy, [x, scale, , mean, inverse], attributes) => {
    const inputs = { dy, x: one(x), scale: one(scale), mean: one(mean), inverseDeviation: one(inverse) };
    return named(runKernelMulti(KERNELS.layerNormGrad, inputs, attributes));
  });
  gradient(KERNELS.broadcast, ['x'], false, (dy, [x]) => ({ x: () => unbroadcast(dy, one(x).shape) }));
  gradient(KERNELS.dot, ['a', 'b'], false, (dy, [a, b]) => ({ a: () => tf.mul(dy, one(b)), b: () => tf.mul(dy, one(a)) }));
  // Straight-through estimator: the hard threshold forward, identity backward (TAPS, section 3).
  gradient(KERNELS.gate, [], false, (dy) => ({ score: () => tf.mul(dy, tf.scalar(1)) }));
}

/** Gradients that one kernel call computed together. Made outside the closures: tfjs frees what a closure does not return. */
function named([dx, dscale, dbias]: Tensor[]): Record<string, () => Tensor> {
  return { x: () => one(dx), scale: () => one(dscale), bias: () => one(dbias) };
}
