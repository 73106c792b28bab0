/** @file Gradients of tfjs's shape, reduction and matrix-product kernels. */
import { KERNELS } from '../kernels/names.ts';
import { runKernel, tf, type Tensor } from '../tfjs.ts';
import { gradient, one, unbroadcast } from './register.ts';

export function registerShapeAndReduceGradients(): void {
  gradient('Reshape', ['x'], false, (dy, [x]) => ({ x: () => tf.reshape(dy, one(x).shape) }));
  gradient('ExpandDims', ['input'], false, (dy, [x]) => ({ input: () => tf.reshape(dy, one(x).shape) }));
  gradient('Transpose', [], false, (dy, _saved, attributes) => ({
    x: () => tf.transpose(dy, inversePermutation(attributes['perm'] as number[])),
  }));
  // Concat's inputs arrive as an array; the tape wants the gradients under the same keys.
  tf.registerGradient({
    kernelName: 'Concat',
    saveAllInputs: true,
    gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attributes: object) => {
      const upstream = one(Array.isArray(dy) ? dy[0] : dy);
      const axis = (attributes as { axis: number }).axis;
      let begin = 0;
      const parts = saved.map((part) => {
        const start = upstream.shape.map((_, index) => (index === axis ? begin : 0));
        begin += part.shape[axis] ?? 0;
        return () => tf.slice(upstream, start, part.shape);
      });
      return Object.fromEntries(parts.map((part, index) => [String(index), part]));
    },
  });
  gradient('Slice', ['x'], false, (dy, [x], attributes) => {
    const { begin, size } = attributes as { begin: number[]; size: number[] };
    const paddings = begin.map((start, axis): [number, number] => [
      start,
      (one(x).shape[axis] ?? 0) - start - (dy.shape[axis] ?? size[axis] ?? 0),
    ]);
    return { x: () => tf.pad(dy, paddings) };
  });
  gradient('PadV2', ['x'], false, (dy, [x], attributes) => {
    const { paddings } = attributes as { paddings: [number, number][] };
    return { x: () => tf.slice(dy, paddings.map((pair) => pair[0]), one(x).shape) };
  });
  gradient('Sum', ['x'], false, (dy, [x], attributes) => {
    const shape = one(x).shape;
    const axes = normalisedAxes(attributes['axis'] as number | number[], shape.length);
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return { x: () => runKernel(KERNELS.broadcast, { x: tf.reshape(dy, kept) }, { shape }) };
  });
  gradient('Max', ['x'], true, (dy, [x, y], attributes) => {
    const shape = one(x).shape;
    const axes = normalisedAxes(attributes['reductionIndices'] as number | number[], shape.length);
    const kept = shape.map((size, axis) => (axes.includes(axis) ? 1 : size));
    return {
      x: () => tf.mul(tf.reshape(dy, kept), tf.cast(tf.equal(one(x), tf.reshape(one(y), kept)), 'float32')),
    };
  });
  gradient('Softmax', [], true, (dy, [y], attributes) => {
    const axis = Number(attributes['dim'] ?? -1);
    return {
      logits: () => {
        const weighted = tf.mul(dy, one(y));
        return tf.sub(weighted, tf.mul(tf.sum(weighted, [axis], true), one(y)));
      },
    };
  });
  gradient('LogSoftmax', [], true, (dy, [y], attributes) => {
    const axis = Number(attributes['axis'] ?? -1);
    return { logits: () => tf.sub(dy, tf.mul(tf.sum(dy, [axis], true), tf.exp(one(y)))) };
  });
  gradient('BatchMatMul', ['a', 'b'], false, (dy, [a, b], attributes) => {
    const { transposeA, transposeB } = attributes as { transposeA: boolean; transposeB: boolean };
    const left = one(a);
    const right = one(b);
    const da = (): Tensor =>
      transposeA ? tf.matMul(right, dy, transposeB, true) : tf.matMul(dy, right, false, !transposeB);
    const db = (): Tensor =>
      transposeB ? tf.matMul(dy, left, true, transposeA) : tf.matMul(left, dy, !transposeA, false);
    return { a: () => unbroadcast(da(), left.shape), b: () => unbroadcast(db(), right.shape) };
  });
}

export function inversePermutation(permutation: readonly number[]): number[] {
  const inverse = new Array<number>(permutation.length).fill(0);
  permutation.forEach((from, to) => {
    inverse[from] = to;
  });
  return inverse;
}

/** Non-negative axes; a missing list means all. */
export function normalisedAxes(axis: number | number[] | undefined | null, rank: number): number[] {
  if (axis === undefined || axis === null) return Array.from({ length: rank }, (_, index) => index);
  return (Array.isArray(axis) ? axis : [axis]).map((value) => (value < 0 ? value + rank : value));
}
