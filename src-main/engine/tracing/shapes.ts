/** @file Output shapes and types of every kernel that may be recorded, and small constants computed on the spot. */
import { elementCount } from '../../contract/tensors.ts';
import { tf } from '../tfjs.ts';
import {
  activationOf,
  activationShape,
  windowOutputs,
  type ConvAttributes,
  type PoolAttributes,
} from '../kernels/attributes.ts';
import { KERNELS } from '../kernels/names.ts';
import { normalisedAxes } from '../gradients/shape-and-reduce.ts';
import type { TraceDType, TraceValue } from './trace.ts';

export interface OutputInfo {
  shape: readonly number[];
  dtype: TraceDType;
  constant?: Float32Array | Int32Array | Uint8Array;
}

type Inference = (inputs: Record<string, TraceValue>, attributes: Record<string, unknown>) => OutputInfo[];

const float = (shape: readonly number[]): OutputInfo[] => [{ shape, dtype: 'float32' }];

/** The input of that name; a missing one is a defect of the caller. */
export function need(inputs: Readonly<Record<string, TraceValue>>, name: string): TraceValue {
  const value = inputs[name];
  if (value === undefined) throw new Error(`Recorded kernel lacks its input ${name}.`);
  return value;
}

const broadcast = (dtype?: TraceDType): Inference => (inputs) => {
  const a = need(inputs, 'a');
  const b = need(inputs, 'b');
  return [{ shape: tf.broadcast_util.assertAndGetBroadcastShape([...a.shape], [...b.shape]), dtype: dtype ?? a.dtype }];
};
const sameAs = (name: string): Inference => (inputs) => [{ shape: need(inputs, name).shape, dtype: need(inputs, name).dtype }];

const reduction = (axisKey: string): Inference => (inputs, attributes) => {
  const x = need(inputs, 'x');
  const axes = normalisedAxes(attributes[axisKey] as number | number[] | undefined, x.shape.length);
  const keep = attributes['keepDims'] === true;
  const shape = x.shape.flatMap((size, axis) => (axes.includes(axis) ? (keep ? [1] : []) : [size]));
  return [{ shape, dtype: x.dtype }];
};

const INFERENCES: Record<string, Inference> = {
  Identity: sameAs('x'),
  Add: broadcast(),
  Sub: broadcast(),
  Multiply: broadcast(),
  RealDiv: broadcast(),
  Maximum: broadcast(),
  Minimum: broadcast(),
  Pow: broadcast(),
  Greater: broadcast('bool'),
  GreaterEqual: broadcast('bool'),
  Less: broadcast('bool'),
  LessEqual: broadcast('bool'),
  Equal: broadcast('bool'),
  LogicalAnd: broadcast('bool'),
  ...Object.fromEntries(
    ['Neg', 'Abs', 'Sign', 'Square', 'Exp', 'Log', 'Sqrt', 'Rsqrt', 'Reciprocal', 'Relu', 'LeakyRelu', 'Sigmoid', 'Tanh', 'Erf', 'ClipByValue', 'ZerosLike', 'OnesLike'].map(
      (name) => [name, sameAs('x')],
    ),
  ),
  Softmax: sameAs('logits'),
  LogSoftmax: sameAs('logits'),
  Cast: (inputs, attributes) => [{ shape: need(inputs, 'x').shape, dtype: attributes['dtype'] as TraceDType }],
  Select: (inputs) => [
    {
      shape: tf.broadcast_util.assertAndGetBroadcastShape(
        tf.broadcast_util.assertAndGetBroadcastShape([...need(inputs, 't').shape], [...need(inputs, 'e').shape]),
        [...need(inputs, 'condition').shape],
      ),
      dtype: need(inputs, 't').dtype,
    },
  ],
  Tile: (inputs, attributes) => {
    const x = need(inputs, 'x');
    const repeats = attributes['reps'] as number[];
    return [{ shape: x.shape.map((size, axis) => size * (repeats[axis] ?? 1)), dtype: x.dtype }];
  },
  Fill: (_inputs, attributes) => float(attributes['shape'] as number[]),
  Reshape: (inputs, attributes) => {
    const x = need(inputs, 'x');
    const shape = [...(attributes['shape'] as number[])];
    const unknown = shape.indexOf(-1);
    if (unknown >= 0) shape[unknown] = elementCount(x.shape) / -elementCount(shape);
    return [{ shape, dtype: x.dtype }];
  },
  ExpandDims: (inputs, attributes) => {
    const x = need(inputs, 'input');
    const dim = Number(attributes['dim']);
    const shape = [...x.shape];
    shape.splice(dim < 0 ? dim + shape.length + 1 : dim, 0, 1);
    return [{ shape, dtype: x.dtype }];
  },
  Transpose: (inputs, attributes) => {
    const x = need(inputs, 'x');
    return [{ shape: (attributes['perm'] as number[]).map((axis) => x.shape[axis] ?? 0), dtype: x.dtype }];
  },
  Concat: (inputs, attributes) => {
    const parts = Object.values(inputs);
    const axis = Number(attributes['axis']);
    const first = need(inputs, '0');
    const total = parts.reduce((sum, part) => sum + (part.shape[axis] ?? 0), 0);
    return [{ shape: first.shape.map((size, index) => (index === axis ? total : size)), dtype: first.dtype }];
  },
  Slice: (inputs, attributes) => {
    const x = need(inputs, 'x');
    const { begin, size } = attributes as { begin: number[]; size: number[] };
    const shape = x.shape.map((full, axis) => {
      const length = size[axis] ?? -1;
      return length === -1 ? full - (begin[axis] ?? 0) : length;
    });
    return [{ shape, dtype: x.dtype }];
  },
  PadV2: (inputs, attributes) => {
    const x = need(inputs, 'x');
    const paddings = attributes['paddings'] as [number, number][];
    return [{ shape: x.shape.map((size, axis) => size + (paddings[axis]?.[0] ?? 0) + (paddings[axis]?.[1] ?? 0)), dtype: x.dtype }];
  },
  Sum: reduction('axis'),
  Max: reduction('reductionIndices'),
  BatchMatMul: (inputs, attributes) => {
    const a = need(inputs, 'a').shape;
    const b = need(inputs, 'b').shape;
    const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.slice(0, -2), b.slice(0, -2));
    const rows = attributes['transposeA'] === true ? a.at(-1) : a.at(-2);
    const columns = attributes['transposeB'] === true ? b.at(-2) : b.at(-1);
    return float([...batch, rows ?? 0, columns ?? 0]);
  },
  [KERNELS.conv]: (inputs, attributes) => {
    const conv = attributes as unknown as ConvAttributes;
    const { n, h, w } = activationOf(conv.layout, need(inputs, 'x').shape);
    const [oh, ow] = windowOutputs(conv, h, w);
    return float(activationShape(conv.layout, n, need(inputs, 'w').shape[0] ?? 0, oh, ow));
  },
  [KERNELS.convGradInput]: (inputs, attributes) => {
    const conv = attributes as unknown as ConvAttributes & { inputSize: [number, number] };
    const { n } = activationOf(conv.layout, need(inputs, 'dy').shape);
    const channels = (need(inputs, 'w').shape[1] ?? 0) * conv.groups;
    return float(activationShape(conv.layout, n, channels, conv.inputSize[0], conv.inputSize[1]));
  },
  [KERNELS.convGradFilter]: (inputs, attributes) => {
    const conv = attributes as unknown as ConvAttributes;
    const channels = activationOf(conv.layout, need(inputs, 'x').shape).c;
    const outputs = activationOf(conv.layout, need(inputs, 'dy').shape).c;
    return float([outputs, channels / conv.groups, conv.kernel[0], conv.kernel[1]]);
  },
  [KERNELS.maxPool]: (inputs, attributes) => pooled(inputs, attributes),
  [KERNELS.maxPoolGrad]: sameAs('x'),
  [KERNELS.averagePool]: (inputs, attributes) => pooled(inputs, attributes),
  [KERNELS.averagePoolGrad]: (inputs, attributes) => {
    const pool = attributes as unknown as PoolAttributes & { inputSize: [number, number] };
    const { n, c } = activationOf(pool.layout, need(inputs, 'dy').shape);
    return float(activationShape(pool.layout, n, c, pool.inputSize[0], pool.inputSize[1]));
  },
  [KERNELS.batchNormTrain]: (inputs) => {
    const channels = need(inputs, 'scale').shape;
    return [...float(need(inputs, 'x').shape), ...float(channels), ...float(channels), ...float(channels)];
  },
  [KERNELS.batchNormTrainGrad]: (inputs) => {
    const channels = need(inputs, 'scale').shape;
    return [...float(need(inputs, 'x').shape), ...float(channels), ...float(channels)];
  },
  [KERNELS.batchNormEval]: sameAs('x'),
  [KERNELS.layerNorm]: (inputs) => {
    const { shape } = need(inputs, 'x');
    const rows = [...shape.slice(0, -1), 1];
    return [...float(shape), ...float(rows), ...float(rows)];
  },
  [KERNELS.layerNormGrad]: (inputs) => {
    const { shape } = need(inputs, 'scale');
    return [...float(need(inputs, 'x').shape), ...float(shape), ...float(shape)];
  },
  [KERNELS.gate]: sameAs('score'),
  [KERNELS.broadcast]: (_inputs, attributes) => float(attributes['shape'] as number[]),
  [KERNELS.reluGrad]: sameAs('dy'),
  [KERNELS.dot]: () => float([]),
};

function pooled(inputs: Record<string, TraceValue>, attributes: Record<string, unknown>): OutputInfo[] {
  const pool = attributes as unknown as PoolAttributes;
  const { n, c, h, w } = activationOf(pool.layout, need(inputs, 'x').shape);
  const [oh, ow] = windowOutputs(pool, h, w, pool.ceil);
  return float(activationShape(pool.layout, n, c, oh, ow));
}

export const RECORDED_KERNELS: readonly string[] = Object.keys(INFERENCES);

export function inferOutputs(
  kernel: string,
  inputs: Record<string, TraceValue>,
  attributes: Record<string, unknown>,
): OutputInfo[] {
  const inference = INFERENCES[kernel];
  if (inference === undefined) throw new Error(`Kernel ${kernel} cannot be recorded.`);
  return inference(inputs, attributes);
}
