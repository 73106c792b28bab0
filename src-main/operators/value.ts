/**
 * @file Values that flow through a graph under interpretation.
 *
 * [Note: Layout of values] A `tensor` value with layout 'swapped' holds a four-dimensional activation with its first two
 * axes exchanged ([C, N, H, W] for ONNX's [N, C, H, W]). Operators that understand it keep it; all others call
 * `natural`, which costs one transpose. Engines that prefer [N, C, H, W] never see a swapped value.
 */
import { elementCount, type HostTensor } from '../contract/tensors.ts';
import { KERNELS } from '../engine/kernels/names.ts';
import { runKernel, tf, type Tensor } from '../engine/tfjs.ts';

export type Value =
  /** Known before anything runs: shapes, indices, scalar constants. */
  | { kind: 'host'; host: HostTensor }
  | { kind: 'tensor'; tensor: Tensor; layout: 'natural' | 'swapped' };

export function natural(tensor: Tensor): Value {
  return { kind: 'tensor', tensor, layout: 'natural' };
}
export function swapped(tensor: Tensor): Value {
  return { kind: 'tensor', tensor, layout: 'swapped' };
}

/** The tensor in ONNX's own axis order. */
export function asNatural(value: Value): Tensor {
  if (value.kind === 'host') return hostToTensor(value.host);
  return value.layout === 'natural' ? value.tensor : tf.transpose(value.tensor, [1, 0, 2, 3]);
}

/** The tensor with its first two axes exchanged; operands of lower rank are widened to four axes first. */
export function asSwapped(value: Value): Tensor {
  if (value.kind === 'tensor' && value.layout === 'swapped') return value.tensor;
  const tensor = asNatural(value);
  if (tensor.size === 1 && tensor.rank === 0) return tensor;
  const wide = tensor.rank === 4 ? tensor : tf.reshape(tensor, [...Array<number>(4 - tensor.rank).fill(1), ...tensor.shape]);
  const [a = 1, b = 1, h = 1, w = 1] = wide.shape;
  // Exchanging axes of which one has size 1 moves nothing.
  return a === 1 || b === 1 ? tf.reshape(wide, [b, a, h, w]) : tf.transpose(wide, [1, 0, 2, 3]);
}

/** Shape in ONNX's own axis order. */
export function shapeOf(value: Value): number[] {
  if (value.kind === 'host') return [...value.host.shape];
  const { shape } = value.tensor;
  if (value.layout === 'natural') return [...shape];
  const [c = 0, n = 0, ...rest] = shape;
  return [n, c, ...rest];
}

export function hostToTensor(host: HostTensor): Tensor {
  return tf.tensor(Float32Array.from(host.data as Iterable<number | bigint>, Number), [...host.shape], 'float32');
}

/** Integers of a host value; throws when the value depends on the input. */
export function integers(value: Value | undefined, what: string): number[] {
  if (value?.kind !== 'host') throw new Error(`${what} must be known before the graph runs.`);
  return Array.from(value.host.data as Iterable<number | bigint>, Number);
}

export function hostIntegers(values: readonly number[], shape: readonly number[] = [values.length]): Value {
  if (elementCount(shape) !== values.length) throw new Error('Shape and number of integers differ.');
  return { kind: 'host', host: { dtype: 'int64', shape, data: BigInt64Array.from(values, BigInt) } };
}

/** Repeats `tensor` to `target`, widening its rank at the front. */
export function broadcastTo(tensor: Tensor, target: readonly number[]): Tensor {
  const wide = tf.reshape(tensor, [...Array<number>(target.length - tensor.rank).fill(1), ...tensor.shape]);
  return runKernel(KERNELS.broadcast, { x: wide }, { shape: [...target] });
}
