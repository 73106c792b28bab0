/** @file Normalisations and their gradients as ONNX nodes. */
import { elementCount } from '../../contract/tensors.ts';
import { channelAxis } from '../kernels/attributes.ts';
import type { ActivationLayout } from '../types.ts';
import type { Emitter } from './emitter.ts';

export interface NormAttributes {
  layout: ActivationLayout;
  epsilon: number;
}

/** Axes other than the channel's and the shape of a per-channel value that broadcasts against an activation. */
function channelGeometry(layout: ActivationLayout, shape: readonly number[]): { axes: number[]; broadcast: number[]; count: number; channels: number } {
  const axis = channelAxis(layout);
  const channels = shape[axis] ?? 0;
  return {
    axes: shape.map((_, index) => index).filter((index) => index !== axis),
    broadcast: shape.map((_, index) => (index === axis ? channels : 1)),
    count: elementCount(shape) / channels,
    channels,
  };
}

/** Σ a·b per channel, in the shape that broadcasts. */
function channelDots(emit: Emitter, a: string, b: string, shape: readonly number[], layout: ActivationLayout): string {
  const { axes, broadcast, channels } = channelGeometry(layout, shape);
  if (layout === 'cnhw') return emit.reshape(emit.rowDots(a, b, shape), [channels, 1, 1], broadcast);
  return emit.one('ReduceSum', [emit.one('Mul', [a, b]), emit.int64(axes)], { keepdims: 1 });
}

/** Batch statistics in two passes over memory, as PyTorch: mean, then squared deviations. Returns y, mean, variance, inverse deviation. */
export function lowerBatchNormTrain(
  emit: Emitter,
  [x, scale, bias]: readonly [string, string, string],
  shape: readonly number[],
  { layout, epsilon }: NormAttributes,
): string[] {
  const { axes, broadcast, count, channels } = channelGeometry(layout, shape);
  const mean = emit.one('ReduceMean', [x], { axes, keepdims: 1 });
  const centred = emit.one('Sub', [x, mean]);
  const variance = emit.one('Mul', [channelDots(emit, centred, centred, shape, layout), emit.scalar(1 / count)]);
  const inverse = emit.one('Reciprocal', [emit.one('Sqrt', [emit.one('Add', [variance, emit.scalar(epsilon)])])]);
  const factor = emit.one('Mul', [inverse, emit.reshape(scale, [channels], broadcast)]);
  const y = emit.one('Add', [emit.one('Mul', [centred, factor]), emit.reshape(bias, [channels], broadcast)]);
  return [y, ...[mean, variance, inverse].map((value) => emit.reshape(value, broadcast, [channels]))];
}

/**
 * dx = scale·inv·(dy − mean(dy) − x̂·mean(dy·x̂)), written as a·dy + b·(x − mean) + c per channel.
 * Returns dx, dscale, dbias.
 */
export function lowerBatchNormTrainGrad(
  emit: Emitter,
  [dy, x, scale, mean, inverse]: readonly [string, string, string, string, string],
  shape: readonly number[],
  { layout }: NormAttributes,
): string[] {
  const { axes, broadcast, count, channels } = channelGeometry(layout, shape);
  const wide = (value: string): string => emit.reshape(value, [channels], broadcast);
  const centred = emit.one('Sub', [x, wide(mean)]);
  const sumDy = emit.one('ReduceSum', [dy, emit.int64(axes)], { keepdims: 0 });
  const sumDyCentred = emit.reshape(channelDots(emit, dy, centred, shape, layout), broadcast, [channels]);
  const dscale = emit.one('Mul', [sumDyCentred, inverse]);
  const a = emit.one('Mul', [scale, inverse]);
  const b = emit.one('Mul', [emit.one('Mul', [emit.one('Mul', [a, inverse]), dscale]), emit.scalar(-1 / count)]);
  const c = emit.one('Mul', [emit.one('Mul', [a, sumDy]), emit.scalar(-1 / count)]);
  const dx = emit.one('Add', [
    emit.one('Mul', [dy, wide(a)]),
    emit.one('Add', [emit.one('Mul', [centred, wide(b)]), wide(c)]),
  ]);
  return [dx, dscale, sumDy];
}

/** In [N, C, H, W] the operator itself (the runtime folds it into a constant convolution); else a per-channel line. */
export function lowerBatchNormEval(
  emit: Emitter,
  [x, scale, bias, mean, variance]: readonly [string, string, string, string, string],
  shape: readonly number[],
  { layout, epsilon }: NormAttributes,
): string {
  if (layout === 'nchw') return emit.one('BatchNormalization', [x, scale, bias, mean, variance], { epsilon });
  const { broadcast, channels } = channelGeometry(layout, shape);
  const deviation = emit.one('Sqrt', [emit.one('Add', [variance, emit.scalar(epsilon)])]);
  const factor = emit.one('Div', [scale, deviation]);
  const offset = emit.one('Sub', [bias, emit.one('Mul', [mean, factor])]);
  return emit.one('Add', [
    emit.one('Mul', [x, emit.reshape(factor, [channels], broadcast)]),
    emit.reshape(offset, [channels], broadcast),
  ]);
}

export function lowerLayerNorm(emit: Emitter, inputs: readonly [string, string, string], { epsilon }: { epsilon: number }): string[] {
  return emit.emit('LayerNormalization', [...inputs], { axis: -1, epsilon }, 3);
}

/** Over the last axis of length D: dx = inv·(g − mean(g) − x̂·mean(g·x̂)), g = dy·scale. Returns dx, dscale, dbias. */
export function lowerLayerNormGrad(
  emit: Emitter,
  [dy, x, scale, mean, inverse]: readonly [string, string, string, string, string],
  shape: readonly number[],
): string[] {
  const rank = shape.length;
  const rows = shape.map((_, axis) => axis).slice(0, -1);
  const normalised = emit.one('Mul', [emit.one('Sub', [x, mean]), inverse]);
  const dscale = emit.one('ReduceSum', [emit.one('Mul', [dy, normalised]), emit.int64(rows)], { keepdims: 0 });
  const dbias = emit.one('ReduceSum', [dy, emit.int64(rows)], { keepdims: 0 });
  const g = emit.one('Mul', [dy, scale]);
  const meanG = emit.one('ReduceMean', [g], { axes: [rank - 1], keepdims: 1 });
  const meanGx = emit.one('ReduceMean', [emit.one('Mul', [g, normalised])], { axes: [rank - 1], keepdims: 1 });
  const inner = emit.one('Sub', [emit.one('Sub', [g, meanG]), emit.one('Mul', [normalised, meanGx])]);
  return [emit.one('Mul', [inner, inverse]), dscale, dbias];
}
