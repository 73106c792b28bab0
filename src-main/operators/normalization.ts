/** @file Normalisations of the graph on our kernels. */
import { KERNELS } from '../engine/kernels/names.ts';
import { runKernel, runKernelMulti, tf, type Tensor } from '../engine/tfjs.ts';
import { floatAttribute, input, intAttribute, type Operator } from './context.ts';
import { asNatural, asSwapped, natural, shapeOf, swapped, type Value } from './value.ts';

/**
 * The largest weight that the running statistics keep per step while a task is learnt. Keras networks come with 0.99,
 * which would leave the statistics of the pretraining images in place after a short run.
 */
const LARGEST_MOMENTUM = 0.9;

const batchNormalization: Operator = (context) => {
  const value = input(context, 0);
  const rank = shapeOf(value).length;
  const useSwapped = rank === 4 && context.layout === 'cnhw';
  const flat = asActivation(value, rank, useSwapped);
  const [scale, bias, mean, variance] = [1, 2, 3, 4].map((index) => asNatural(input(context, index)));
  if (scale === undefined || bias === undefined || mean === undefined || variance === undefined) throw new Error('unreachable');
  const attributes = { layout: useSwapped ? 'cnhw' : 'nchw', epsilon: floatAttribute(context, 'epsilon', 1e-5) };
  const back = (y: Tensor): Value[] => {
    if (useSwapped) return [swapped(y)];
    return [natural(rank === 4 ? y : tf.reshape(y, shapeOf(value)))];
  };
  if (context.normalization === 'running') {
    return back(runKernel(KERNELS.batchNormEval, { x: flat, scale, bias, mean, variance }, attributes));
  }
  const [y, batchMean, batchVariance] = runKernelMulti(KERNELS.batchNormTrain, { x: flat, scale, bias }, attributes);
  if (y === undefined || batchMean === undefined || batchVariance === undefined) throw new Error('unreachable');
  const momentum = Math.min(floatAttribute(context, 'momentum', 0.9), LARGEST_MOMENTUM);
  const count = flat.size / scale.size;
  const blend = (running: Tensor, current: Tensor, factor: number): Tensor =>
    tf.add(tf.mul(running, tf.scalar(momentum)), tf.mul(current, tf.scalar((1 - momentum) * factor)));
  const [, , , meanName = '', varianceName = ''] = context.node.inputs;
  // The running variance is the unbiased one, as in PyTorch.
  context.onStatistics(meanName, varianceName, blend(mean, batchMean, 1), blend(variance, batchVariance, count / Math.max(count - 1, 1)));
  return back(y);
};

/** Any rank ≥ 2 as four axes. */
function asActivation(value: Value, rank: number, useSwapped: boolean): Tensor {
  if (useSwapped) return asSwapped(value);
  const tensor = asNatural(value);
  if (rank === 4) return tensor;
  const [n = 1, c = 1, ...rest] = tensor.shape;
  return tf.reshape(tensor, [n, c, rest.reduce((product, size) => product * size, 1), 1]);
}

const layerNormalization: Operator = (context) => {
  const x = asNatural(input(context, 0));
  const axis = intAttribute(context, 'axis', -1);
  if (axis !== -1 && axis !== x.rank - 1) throw new Error(`LayerNormalization over axis ${String(axis)} is not the last axis.`);
  const scale = asNatural(input(context, 1));
  const bias = context.inputs[2] === undefined ? tf.zeros(scale.shape) : asNatural(context.inputs[2]);
  const [y] = runKernelMulti(KERNELS.layerNorm, { x, scale, bias }, { epsilon: floatAttribute(context, 'epsilon', 1e-5) });
  if (y === undefined) throw new Error('unreachable');
  return [natural(y)];
};

export const normalizationOperators: Record<string, Operator> = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
};
