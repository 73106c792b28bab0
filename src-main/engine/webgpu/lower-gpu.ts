/** @file How recorded calls are written for a GPU: rules of its own where the common ones suit a CPU, the common ones otherwise. */
import { elementCount } from '../../contract/tensors.ts';
import { normalisedAxes } from '../gradients/shape-and-reduce.ts';
import type { ConvAttributes, PoolAttributes } from '../kernels/attributes.ts';
import { KERNELS } from '../kernels/names.ts';
import type { Emitter } from '../lowering/emitter.ts';
import { lowerCall } from '../lowering/kernels.ts';
import type { NormAttributes } from '../lowering/normalization.ts';
import { need } from '../tracing/shapes.ts';
import type { TraceCall } from '../tracing/trace.ts';
import { convolution, gradientOfFilter, gradientOfInput } from './lower-convolution.ts';
import { maxPool, maxPoolGradient } from './lower-pooling.ts';
import { sumOfAll, sumOverPixels } from './lower-sums.ts';

type Shape4 = readonly [number, number, number, number];

interface Context {
  emit: Emitter;
  call: TraceCall;
  name: (input: string) => string;
  shape: (input: string) => readonly number[];
}

/** Undefined where the common rule will do. */
type Rule = (context: Context) => string[] | undefined;

const RULES: Record<string, Rule> = {
  [KERNELS.conv]: ({ emit, call, name }) => [convolution(emit, name('x'), name('w'), attributesOf(call))],
  [KERNELS.maxPool]: ({ emit, call, name }) => [maxPool(emit, name('x'), attributesOf(call))],
  [KERNELS.convGradInput]: ({ emit, call, name, shape }) => [
    gradientOfInput(emit, name('dy'), four(shape('dy')), name('w'), four(shape('w')), attributesOf(call)),
  ],
  [KERNELS.convGradFilter]: ({ emit, call, name, shape }) => [gradientOfFilter(emit, name('x'), four(shape('x')), name('dy'), four(shape('dy')), attributesOf(call))],
  [KERNELS.maxPoolGrad]: ({ emit, call, name, shape }) => [
    maxPoolGradient(emit, { x: name('x'), y: name('y'), dy: name('dy') }, four(shape('x')), four(shape('dy')), attributesOf(call)),
  ],
  [KERNELS.batchNormTrain]: (context) => batchNorm(context),
  [KERNELS.batchNormTrainGrad]: (context) => batchNormGradient(context),
  [KERNELS.dot]: ({ emit, name, shape }) => [sumOfAll(emit, emit.one('Mul', [name('a'), name('b')]), shape('a'))],
  // The provider has no Sign.
  Sign: ({ emit, name }) => {
    const sides = ['Greater', 'Less'].map((op) => emit.one('Cast', [emit.one(op, [name('x'), emit.scalar(0)])], { to: 1 }));
    return [emit.one('Sub', sides)];
  },
  Sum: ({ emit, call, name, shape }) => {
    const full = shape('x');
    const axes = normalisedAxes(call.attributes['axis'] as number[] | undefined, full.length);
    const output = call.outputs[0]?.shape ?? [];
    if (full.length === 4 && axes.length === 3 && !axes.includes(1)) return [emit.reshape(sumOverPixels(emit, name('x'), full), [full[1] ?? 1], output)];
    if (axes.length === full.length && full.length > 1) return [emit.reshape(sumOfAll(emit, name('x'), full), [], output)];
    return undefined;
  },
};

/** As lowering/kernels' `lowerCall`, for a GPU. */
export function lowerCallForGpu(emit: Emitter, call: TraceCall, nameOf: (id: number) => string): string[] {
  const context: Context = { emit, call, name: (input) => nameOf(need(call.inputs, input).id), shape: (input) => need(call.inputs, input).shape };
  return RULES[call.kernel]?.(context) ?? lowerCall(emit, call, nameOf);
}

function four(shape: readonly number[]): Shape4 {
  const [a = 0, b = 0, c = 0, d = 0] = shape;
  return [a, b, c, d];
}

/** Attributes of a kernel that works on activations; this engine's are [N, C, H, W] throughout. */
function attributesOf(call: TraceCall): ConvAttributes & PoolAttributes & NormAttributes & { inputSize: [number, number] } {
  const attributes = call.attributes as unknown as ReturnType<typeof attributesOf>;
  if (attributes.layout !== 'nchw') throw new Error(`Kernel ${call.kernel} came with the layout ${attributes.layout}; the GPU forms are written for nchw.`);
  return attributes;
}

/** Returns y, mean, variance, inverse deviation, in two passes over memory as PyTorch. */
function batchNorm({ emit, call, name, shape }: Context): string[] {
  const { epsilon } = attributesOf(call);
  const full = shape('x');
  const channels = full[1] ?? 1;
  const count = elementCount(full) / channels;
  const wide = (value: string): string => emit.reshape(value, [channels], [1, channels, 1, 1]);
  const meanOf = (value: string): string => emit.one('Mul', [sumOverPixels(emit, value, full), emit.scalar(1 / count)]);
  const mean = meanOf(name('x'));
  const centred = emit.one('Sub', [name('x'), wide(mean)]);
  const variance = meanOf(emit.one('Mul', [centred, centred]));
  const inverse = emit.one('Reciprocal', [emit.one('Sqrt', [emit.one('Add', [variance, emit.scalar(epsilon)])])]);
  const y = emit.one('Add', [emit.one('Mul', [centred, wide(emit.one('Mul', [inverse, name('scale')]))]), wide(name('bias'))]);
  return [y, mean, variance, inverse];
}

/** dx = a·dy + b·(x − mean) + c per channel (lowering/normalization.ts); returns dx, dscale, dbias. */
function batchNormGradient({ emit, call, name, shape }: Context): string[] {
  attributesOf(call);
  const full = shape('x');
  const channels = full[1] ?? 1;
  const count = elementCount(full) / channels;
  const wide = (value: string): string => emit.reshape(value, [channels], [1, channels, 1, 1]);
  const product = (...factors: string[]): string => factors.reduce((left, right) => emit.one('Mul', [left, right]));
  const centred = emit.one('Sub', [name('x'), wide(name('mean'))]);
  const sumDy = sumOverPixels(emit, name('dy'), full);
  const dscale = product(sumOverPixels(emit, product(name('dy'), centred), full), name('inverseDeviation'));
  const a = product(name('scale'), name('inverseDeviation'));
  const b = product(a, name('inverseDeviation'), dscale, emit.scalar(-1 / count));
  const c = product(a, sumDy, emit.scalar(-1 / count));
  const dx = emit.one('Add', [product(name('dy'), wide(a)), emit.one('Add', [product(centred, wide(b)), wide(c)])]);
  return [dx, dscale, sumDy];
}
