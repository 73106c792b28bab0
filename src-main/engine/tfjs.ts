/**
 * @file The one door to tfjs-core: numerics settings and gradients in place before anyone uses it.
 * Import `tf` from here, never from the package.
 */
import * as tf from '@tensorflow/tfjs-core';

// The "production" flag removes shape re-checks and NaN scans that cost time in eager engines; our own checks stay.
tf.env().set('PROD', true);

export { tf };
export type Tensor = tf.Tensor;
export type TensorLike = tf.Tensor;

/** Runs one of our kernels (or tfjs's) by name and returns its single output. The engine's tidy owns the result. */
export function runKernel(name: string, inputs: Record<string, tf.Tensor>, attributes: object = {}): tf.Tensor {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}

/** As `runKernel`, for kernels with several outputs. */
export function runKernelMulti(name: string, inputs: Record<string, tf.Tensor>, attributes: object = {}): tf.Tensor[] {
  return tf.engine().runKernel(name, inputs, attributes as tf.NamedAttrMap);
}
