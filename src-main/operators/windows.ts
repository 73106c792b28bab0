/** @file Convolution and pooling of the graph on our kernels. */
import { activationOf, activationShape, type WindowAttributes } from '../engine/kernels/attributes.ts';
import { KERNELS } from '../engine/kernels/names.ts';
import { runKernel, tf, type Tensor } from '../engine/tfjs.ts';
import { input, intAttribute, intsAttribute, stringAttribute, type Operator, type OperatorContext } from './context.ts';
import { asNatural, asSwapped, natural, shapeOf, swapped, type Value } from './value.ts';

function activation(context: OperatorContext, value: Value): Tensor {
  const rank = shapeOf(value).length;
  if (rank !== 4) throw new Error(`Node ${context.node.name} (${context.node.op}) works on four axes; its input has ${String(rank)}.`);
  return context.layout === 'cnhw' ? asSwapped(value) : asNatural(value);
}

function result(context: OperatorContext, tensor: Tensor): Value[] {
  return [context.layout === 'cnhw' ? swapped(tensor) : natural(tensor)];
}

/** Explicit padding, also for `auto_pad` (SAME puts the odd pixel at the end for UPPER, at the start for LOWER). */
function pads(context: OperatorContext, size: readonly [number, number], kernel: readonly number[], strides: readonly number[], dilations: readonly number[]): WindowAttributes['pads'] {
  const auto = stringAttribute(context, 'auto_pad', 'NOTSET');
  if (auto === 'SAME_UPPER' || auto === 'SAME_LOWER') {
    const axis = (index: 0 | 1): [number, number] => {
      const stride = strides[index] ?? 1;
      const reach = ((kernel[index] ?? 1) - 1) * (dilations[index] ?? 1) + 1;
      const total = Math.max((Math.ceil(size[index] / stride) - 1) * stride + reach - size[index], 0);
      const small = Math.floor(total / 2);
      return auto === 'SAME_UPPER' ? [small, total - small] : [total - small, small];
    };
    const [top, bottom] = axis(0);
    const [left, right] = axis(1);
    return [top, left, bottom, right];
  }
  const [top = 0, left = 0, bottom = 0, right = 0] = intsAttribute(context, 'pads') ?? [];
  return [top, left, bottom, right];
}

function windowAttributes(context: OperatorContext, x: Tensor, kernel: [number, number]): WindowAttributes {
  const { h, w } = activationOf(context.layout, x.shape);
  const [sh = 1, sw = 1] = intsAttribute(context, 'strides') ?? [];
  const [dh = 1, dw = 1] = intsAttribute(context, 'dilations') ?? [];
  return { layout: context.layout, kernel, strides: [sh, sw], dilations: [dh, dw], pads: pads(context, [h, w], kernel, [sh, sw], [dh, dw]) };
}

const conv: Operator = (context) => {
  const x = activation(context, input(context, 0));
  const w = asNatural(input(context, 1));
  const [, , kh = 1, kw = 1] = w.shape;
  const attributes = { ...windowAttributes(context, x, [kh, kw]), groups: intAttribute(context, 'group', 1) };
  const y = runKernel(KERNELS.conv, { x, w }, attributes);
  const bias = context.inputs[2];
  if (bias === undefined) return result(context, y);
  const b = asNatural(bias);
  return result(context, tf.add(y, tf.reshape(b, activationShape(context.layout, 1, b.size, 1, 1))));
};

const pool = (kernelName: string): Operator => (context) => {
  const x = activation(context, input(context, 0));
  const [kh = 1, kw = 1] = intsAttribute(context, 'kernel_shape') ?? [];
  const attributes = {
    ...windowAttributes(context, x, [kh, kw]),
    includePad: intAttribute(context, 'count_include_pad', 0) === 1,
    ceil: intAttribute(context, 'ceil_mode', 0) === 1,
  };
  return result(context, runKernel(kernelName, { x }, attributes));
};

const globalAveragePool: Operator = (context) => {
  const x = activation(context, input(context, 0));
  const [, , h = 1, w = 1] = x.shape;
  return result(context, tf.mul(tf.sum(x, [2, 3], true), tf.scalar(1 / (h * w))));
};

const globalMaxPool: Operator = (context) => result(context, tf.max(activation(context, input(context, 0)), [2, 3], true));

export const windowOperators: Record<string, Operator> = {
  Conv: conv,
  MaxPool: pool(KERNELS.maxPool),
  AveragePool: pool(KERNELS.averagePool),
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
};
