/** @file Helper that registers a gradient under a kernel's name, and the inverse of broadcasting. */
import { tf, type Tensor } from '../tfjs.ts';

type GradientBody = (
  dy: Tensor,
  saved: (Tensor | undefined)[],
  attributes: Record<string, unknown>,
  allDy: Tensor[],
) => Record<string, () => Tensor>;

/**
 * Registers `body` as gradient of `kernelName`.
 * @param inputsToSave names of inputs that the body receives, in order, before the outputs
 * @param saveOutputs whether all outputs are saved after them
 */
export function gradient(kernelName: string, inputsToSave: string[], saveOutputs: boolean, body: GradientBody): void {
  tf.registerGradient({
    kernelName,
    inputsToSave,
    outputsToSave: saveOutputs ? Array<boolean>(8).fill(true) : [],
    gradFunc: (dy: Tensor | Tensor[], saved: Tensor[], attributes: object) => {
      const all = Array.isArray(dy) ? dy : [dy];
      return body(one(all[0]), saved, attributes as Record<string, unknown>, all);
    },
  });
}

/** The tensor that must be there. */
export function one(tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('A gradient asked for a tensor that was not saved.');
  return tensor;
}

/** Sums `dy` over the axes along which an operand of `shape` was broadcast. */
export function unbroadcast(dy: Tensor, shape: readonly number[]): Tensor {
  const rank = dy.shape.length;
  const offset = rank - shape.length;
  const axes: number[] = [];
  for (let axis = 0; axis < rank; axis++) {
    if (axis < offset || (shape[axis - offset] === 1 && dy.shape[axis] !== 1)) axes.push(axis);
  }
  if (axes.length === 0) return dy;
  return tf.reshape(tf.sum(dy, axes), [...shape]);
}
