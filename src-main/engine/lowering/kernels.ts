/** @file One rule per recorded kernel: how it is written in ONNX. */
import { normalisedAxes } from '../gradients/shape-and-reduce.ts';
import { elementCount } from '../../contract/tensors.ts';
import type { ConvAttributes, PoolAttributes } from '../kernels/attributes.ts';
import { KERNELS } from '../kernels/names.ts';
import { need } from '../tracing/shapes.ts';
import type { TraceCall } from '../tracing/trace.ts';
import { lowerConv, lowerConvGradFilter, lowerConvGradInput } from './convolution.ts';
import type { Emitter } from './emitter.ts';
import {
  lowerBatchNormEval,
  lowerBatchNormTrain,
  lowerBatchNormTrainGrad,
  lowerLayerNorm,
  lowerLayerNormGrad,
  type NormAttributes,
} from './normalization.ts';
import { lowerAveragePool, lowerAveragePoolGrad, lowerMaxPool, lowerMaxPoolGrad } from './pooling.ts';

type Shape4 = readonly [number, number, number, number];

export interface LoweringContext {
  emit: Emitter;
  call: TraceCall;
  /** ONNX name of an input of the call. */
  name: (input: string) => string;
  shape: (input: string) => readonly number[];
}

type Rule = (context: LoweringContext) => string[];

const unary = (op: string, input = 'x'): Rule => ({ emit, name }) => [emit.one(op, [name(input)])];
/** A tensor whose last axes have size 1 against a single number: the runtime would go through it one by one; as a row it goes by vectors. */
const binary = (op: string): Rule => ({ emit, name, shape, call }) => {
  const output = call.outputs[0]?.shape ?? [];
  const count = elementCount(output);
  const scalars = (['a', 'b'] as const).filter((input) => shape(input).length === 0);
  if (scalars.length !== 1 || count === 1 || output.at(-1) !== 1) return [emit.one(op, [name('a'), name('b')])];
  const row = (input: string): string => emit.reshape(name(input), shape(input), scalars.includes(input as 'a') ? [] : [count]);
  return [emit.reshape(emit.one(op, [row('a'), row('b')]), [count], output)];
};

/** Activation in [C, N, H, W], whatever layout the program used; the inverse puts a result back. */
function channelFirst(context: LoweringContext, input: string, conv: ConvAttributes): [string, Shape4] {
  const shape = shape4(context.shape(input));
  if (conv.layout === 'cnhw') return [context.name(input), shape];
  const [n, c, h, w] = shape;
  return [context.emit.transpose(context.name(input), shape, [1, 0, 2, 3]), [c, n, h, w]];
}

function backFromChannelFirst(context: LoweringContext, value: string, conv: ConvAttributes): string {
  if (conv.layout === 'cnhw') return value;
  const [n, c, h, w] = shape4(context.call.outputs[0]?.shape ?? []);
  return context.emit.transpose(value, [c, n, h, w], [1, 0, 2, 3]);
}

function shape4(shape: readonly number[]): Shape4 {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  return [a, b, c, d];
}

const RULES: Record<string, Rule> = {
  Add: binary('Add'),
  Sub: binary('Sub'),
  Multiply: binary('Mul'),
  RealDiv: binary('Div'),
  Maximum: binary('Max'),
  Minimum: binary('Min'),
  Pow: binary('Pow'),
  Greater: binary('Greater'),
  GreaterEqual: binary('GreaterOrEqual'),
  Less: binary('Less'),
  LessEqual: binary('LessOrEqual'),
  Equal: binary('Equal'),
  LogicalAnd: binary('And'),
  Neg: unary('Neg'),
  Abs: unary('Abs'),
  Sign: unary('Sign'),
  Square: ({ emit, name }) => [emit.one('Mul', [name('x'), name('x')])],
  Exp: unary('Exp'),
  Log: unary('Log'),
  Sqrt: unary('Sqrt'),
  Rsqrt: ({ emit, name }) => [emit.one('Reciprocal', [emit.one('Sqrt', [name('x')])])],
  Reciprocal: unary('Reciprocal'),
  Relu: unary('Relu'),
  LeakyRelu: ({ emit, name, call }) => [emit.one('LeakyRelu', [name('x')], { alpha: Number(call.attributes['alpha']) })],
  Sigmoid: unary('Sigmoid'),
  Tanh: unary('Tanh'),
  Erf: unary('Erf'),
  ClipByValue: ({ emit, name, call }) => [
    emit.one('Clip', [name('x'), emit.scalar(Number(call.attributes['clipValueMin'])), emit.scalar(Number(call.attributes['clipValueMax']))]),
  ],
  Softmax: ({ emit, name, call }) => [emit.one('Softmax', [name('logits')], { axis: Number(call.attributes['dim'] ?? -1) })],
  LogSoftmax: ({ emit, name, call }) => [emit.one('LogSoftmax', [name('logits')], { axis: Number(call.attributes['axis'] ?? -1) })],
  Cast: ({ emit, name, call }) => [emit.one('Cast', [name('x')], { to: call.attributes['dtype'] === 'bool' ? 9 : call.attributes['dtype'] === 'int32' ? 6 : 1 })],
  Select: ({ emit, name }) => [emit.one('Where', [name('condition'), name('t'), name('e')])],
  ZerosLike: ({ emit, shape }) => [emit.one('Expand', [emit.scalar(0), emit.int64(shape('x'))])],
  OnesLike: ({ emit, shape }) => [emit.one('Expand', [emit.scalar(1), emit.int64(shape('x'))])],
  Fill: ({ emit, call }) => [emit.one('Expand', [emit.scalar(Number(call.attributes['value'])), emit.int64(call.outputs[0]?.shape ?? [])])],
  Reshape: ({ emit, name, shape, call }) => [emit.reshape(name('x'), shape('x'), call.outputs[0]?.shape ?? [])],
  ExpandDims: ({ emit, name, shape, call }) => [emit.reshape(name('input'), shape('input'), call.outputs[0]?.shape ?? [])],
  Transpose: ({ emit, name, shape, call }) => [emit.transpose(name('x'), shape('x'), call.attributes['perm'] as number[])],
  Tile: ({ emit, name, call }) => [emit.one('Tile', [name('x'), emit.int64(call.attributes['reps'] as number[])])],
  Concat: ({ emit, name, call }) => [
    emit.one('Concat', Object.keys(call.inputs).map((key) => name(key)), { axis: Number(call.attributes['axis']) }),
  ],
  Slice: ({ emit, name, shape, call }) => {
    const begin = call.attributes['begin'] as number[];
    const output = call.outputs[0]?.shape ?? [];
    const full = shape('x');
    const axes = full.map((_, axis) => axis).filter((axis) => (output[axis] ?? 0) !== full[axis]);
    if (axes.length === 0) return [name('x')];
    const starts = axes.map((axis) => begin[axis] ?? 0);
    const ends = axes.map((axis) => (begin[axis] ?? 0) + (output[axis] ?? 0));
    return [emit.one('Slice', [name('x'), emit.int64(starts), emit.int64(ends), emit.int64(axes)])];
  },
  PadV2: ({ emit, name, call }) => {
    const paddings = call.attributes['paddings'] as [number, number][];
    const value = Number(call.attributes['constantValue'] ?? 0);
    return [emit.one('Pad', [name('x'), emit.int64([...paddings.map((p) => p[0]), ...paddings.map((p) => p[1])]), emit.scalar(value)])];
  },
  Sum: ({ emit, name, shape, call }) => {
    const axes = normalisedAxes(call.attributes['axis'] as number[] | undefined, shape('x').length);
    if (axes.length === 0) return [name('x')];
    return [emit.one('ReduceSum', [name('x'), emit.int64(axes)], { keepdims: call.attributes['keepDims'] === true ? 1 : 0 })];
  },
  Max: ({ emit, name, shape, call }) => {
    const axes = normalisedAxes(call.attributes['reductionIndices'] as number[] | undefined, shape('x').length);
    return [emit.one('ReduceMax', [name('x')], { axes, keepdims: call.attributes['keepDims'] === true ? 1 : 0 })];
  },
  BatchMatMul: lowerMatMul,

  [KERNELS.conv]: (context) => {
    const conv = context.call.attributes as unknown as ConvAttributes;
    const wShape = shape4(context.shape('w'));
    if (conv.layout === 'nchw') {
      return [
        context.emit.one('Conv', [context.name('x'), context.name('w')], {
          kernel_shape: [...conv.kernel],
          strides: [...conv.strides],
          pads: [...conv.pads],
          dilations: [...conv.dilations],
          group: conv.groups,
        }),
      ];
    }
    return [lowerConv(context.emit, context.name('x'), shape4(context.shape('x')), context.name('w'), wShape, conv)];
  },
  [KERNELS.convGradInput]: (context) => {
    const conv = context.call.attributes as unknown as ConvAttributes & { inputSize: [number, number] };
    const [dy, dyShape] = channelFirst(context, 'dy', conv);
    const dx = lowerConvGradInput(context.emit, dy, dyShape, context.name('w'), shape4(context.shape('w')), conv);
    return [backFromChannelFirst(context, dx, conv)];
  },
  [KERNELS.convGradFilter]: (context) => {
    const conv = context.call.attributes as unknown as ConvAttributes;
    const [x, xShape] = channelFirst(context, 'x', conv);
    const [dy, dyShape] = channelFirst(context, 'dy', conv);
    return [lowerConvGradFilter(context.emit, x, xShape, dy, dyShape, conv)];
  },
  [KERNELS.maxPool]: ({ emit, name, call }) => [lowerMaxPool(emit, name('x'), call.attributes as unknown as PoolAttributes)],
  [KERNELS.maxPoolGrad]: ({ emit, name, shape, call }) => [
    lowerMaxPoolGrad(emit, name('x'), shape4(shape('x')), name('dy'), shape4(shape('dy')), call.attributes as unknown as PoolAttributes),
  ],
  [KERNELS.averagePool]: ({ emit, name, shape, call }) => [
    lowerAveragePool(emit, name('x'), shape4(shape('x')), call.attributes as unknown as PoolAttributes),
  ],
  [KERNELS.averagePoolGrad]: ({ emit, name, shape, call }) => [
    lowerAveragePoolGrad(emit, name('dy'), shape4(shape('dy')), call.attributes as unknown as PoolAttributes & { inputSize: [number, number] }),
  ],
  [KERNELS.batchNormTrain]: ({ emit, name, shape, call }) =>
    lowerBatchNormTrain(emit, [name('x'), name('scale'), name('bias')], shape('x'), norm(call)),
  [KERNELS.batchNormTrainGrad]: ({ emit, name, shape, call }) =>
    lowerBatchNormTrainGrad(emit, [name('dy'), name('x'), name('scale'), name('mean'), name('inverseDeviation')], shape('x'), norm(call)),
  [KERNELS.batchNormEval]: ({ emit, name, shape, call }) => [
    lowerBatchNormEval(emit, [name('x'), name('scale'), name('bias'), name('mean'), name('variance')], shape('x'), norm(call)),
  ],
  [KERNELS.layerNorm]: ({ emit, name, call }) => lowerLayerNorm(emit, [name('x'), name('scale'), name('bias')], norm(call)),
  [KERNELS.layerNormGrad]: ({ emit, name, shape }) =>
    lowerLayerNormGrad(emit, [name('dy'), name('x'), name('scale'), name('mean'), name('inverseDeviation')], shape('x')),
  [KERNELS.gate]: ({ emit, name, call }) => [
    emit.one('Cast', [emit.one('GreaterOrEqual', [name('score'), emit.scalar(Number(call.attributes['threshold']))])], { to: 1 }),
  ],
  [KERNELS.broadcast]: ({ emit, name, call }) => [emit.one('Expand', [name('x'), emit.int64(call.attributes['shape'] as number[])])],
  [KERNELS.reluGrad]: ({ emit, name }) => [
    // y is not negative, so min(1, y·LARGE) is the mask: 1 for every normal number. One pass over y, where comparing or converting takes two.
    emit.one('Mul', [name('dy'), emit.one('HardSigmoid', [name('y')], { alpha: LARGE, beta: 0 })]),
  ],
  [KERNELS.dot]: ({ emit, name, shape }) => [emit.one('ReduceSum', [emit.rowDots(name('a'), name('b'), shape('a'))], { keepdims: 0 })],
};

/** Its reciprocal is below the smallest normal float32 (1.2e-38). */
const LARGE = 3e38;

function norm(call: TraceCall): NormAttributes {
  return call.attributes as unknown as NormAttributes;
}

/** Two-dimensional products use Gemm, which transposes for free; others transpose first. */
function lowerMatMul({ emit, name, shape, call }: LoweringContext): string[] {
  const { transposeA, transposeB } = call.attributes as { transposeA: boolean; transposeB: boolean };
  const aShape = shape('a');
  const bShape = shape('b');
  if (aShape.length === 2 && bShape.length === 2 && (transposeA || transposeB)) {
    return [emit.one('Gemm', [name('a'), name('b')], { transA: transposeA ? 1 : 0, transB: transposeB ? 1 : 0 })];
  }
  const turned = (value: string, valueShape: readonly number[], turn: boolean): string => {
    if (!turn) return value;
    const rank = valueShape.length;
    const permutation = valueShape.map((_, axis) => axis);
    permutation[rank - 2] = rank - 1;
    permutation[rank - 1] = rank - 2;
    return emit.transpose(value, valueShape, permutation);
  };
  return [emit.one('MatMul', [turned(name('a'), aShape, transposeA), turned(name('b'), bShape, transposeB)])];
}

/** Emits a call and returns the ONNX names of its outputs, in order. */
export function lowerCall(emit: Emitter, call: TraceCall, nameOf: (id: number) => string): string[] {
  const rule = RULES[call.kernel];
  if (rule === undefined) throw new Error(`No lowering for kernel ${call.kernel}.`);
  return rule({
    emit,
    call,
    name: (input) => nameOf(need(call.inputs, input).id),
    shape: (input) => need(call.inputs, input).shape,
  });
}
