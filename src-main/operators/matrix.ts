/** @file Matrix products, softmax and reductions. */
import { tf, type Tensor } from '../engine/tfjs.ts';
import { floatAttribute, input, intAttribute, intsAttribute, type Operator, type OperatorContext } from './context.ts';
import { asNatural, broadcastTo, integers, natural, swapped, type Value } from './value.ts';

/** 0 ↔ 1: the natural axis of a swapped tensor's axis, and back. */
const exchange = (axis: number): number => (axis === 0 ? 1 : axis === 1 ? 0 : axis);

const matMul: Operator = (context) => {
  const a = asNatural(input(context, 0));
  const b = asNatural(input(context, 1));
  if (b.rank === 2 && a.rank > 2) {
    // One large product instead of a batch of small ones.
    const rows = tf.reshape(a, [-1, a.shape.at(-1) ?? 0]);
    return [natural(tf.reshape(tf.matMul(rows, b), [...a.shape.slice(0, -1), b.shape[1] ?? 0]))];
  }
  if (a.rank < 2 || b.rank < 2) throw new Error(`MatMul ${context.node.name} with a vector operand is not supported.`);
  const batch = tf.broadcast_util.assertAndGetBroadcastShape(a.shape.slice(0, -2), b.shape.slice(0, -2));
  return [natural(tf.matMul(widened(a, batch), widened(b, batch)))];
};

/** The same matrices repeated over the given batch axes. */
function widened(x: Tensor, batch: readonly number[]): Tensor {
  const target = [...batch, ...x.shape.slice(-2)];
  return target.length === x.rank && target.every((size, axis) => size === x.shape[axis]) ? x : broadcastTo(x, target);
}

/** α·A'·B' + β·C (ONNX Gemm). */
const gemm: Operator = (context) => {
  const alpha = floatAttribute(context, 'alpha', 1);
  const beta = floatAttribute(context, 'beta', 1);
  const product = tf.matMul(asNatural(input(context, 0)), asNatural(input(context, 1)), intAttribute(context, 'transA', 0) === 1, intAttribute(context, 'transB', 0) === 1);
  const scaled = alpha === 1 ? product : tf.mul(product, tf.scalar(alpha));
  const c = context.inputs[2];
  if (c === undefined) return [natural(scaled)];
  const addend = asNatural(c);
  return [natural(tf.add(scaled, beta === 1 ? addend : tf.mul(addend, tf.scalar(beta))))];
};

/** Softmax along one axis; tfjs knows the last one only. */
const alongAxis = (compute: (x: Tensor) => Tensor): Operator => (context) => {
  const x = asNatural(input(context, 0));
  const axis = (intAttribute(context, 'axis', -1) + x.rank) % x.rank;
  if (axis === x.rank - 1) return [natural(compute(x))];
  const permutation = x.shape.map((_, index) => index);
  permutation[axis] = x.rank - 1;
  permutation[x.rank - 1] = axis;
  return [natural(tf.transpose(compute(tf.transpose(x, permutation)), permutation))];
};

function reductionAxes(context: OperatorContext, rank: number): number[] {
  const given = context.inputs[1] === undefined ? intsAttribute(context, 'axes') : integers(context.inputs[1], 'Reduction axes');
  return (given ?? Array.from({ length: rank }, (_, axis) => axis)).map((axis) => (axis + rank) % rank);
}

const reduce = (mean: boolean): Operator => (context) => {
  const value = input(context, 0);
  const keep = intAttribute(context, 'keepdims', 1) === 1;
  const isSwapped = value.kind === 'tensor' && value.layout === 'swapped';
  const tensor = isSwapped ? value.tensor : asNatural(value);
  const naturalAxes = reductionAxes(context, tensor.rank);
  const axes = isSwapped ? naturalAxes.map(exchange) : naturalAxes;
  const count = axes.reduce((product, axis) => product * (tensor.shape[axis] ?? 1), 1);
  const sum = tf.sum(tensor, axes, keep);
  const y = mean ? tf.mul(sum, tf.scalar(1 / count)) : sum;
  return [finish(y, isSwapped, keep, naturalAxes)];
};

/** A swapped tensor that keeps both leading axes but loses spatial ones is [C, N]: exchanged back. */
function finish(y: Tensor, isSwapped: boolean, keep: boolean, axes: number[]): Value {
  if (!isSwapped) return natural(y);
  if (keep) return swapped(y);
  if (axes.includes(0) || axes.includes(1)) return natural(y);
  const permutation = y.shape.map((_, axis) => exchange(axis));
  return natural(tf.transpose(y, permutation));
}

export const matrixOperators: Record<string, Operator> = {
  MatMul: matMul,
  Gemm: gemm,
  Softmax: alongAxis((x) => tf.softmax(x)),
  LogSoftmax: alongAxis((x) => tf.logSoftmax(x)),
  ReduceMean: reduce(true),
  ReduceSum: reduce(false),
};
