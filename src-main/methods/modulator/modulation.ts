/** @file w = M·W̄ with M [O, O], W̄ as [O, K] (RCM: Kanakis et al., ECCV 2020, arXiv 2007.12540, section 3). dL/dM = G·W̄ᵀ. M starts as 1. */
import { matrixShape } from '../../core/effective-weight.ts';
import { tf } from '../../engine/tfjs.ts';
import { part, type Reparameterisation } from '../reparameterisation.ts';

/** @param shape of the weight, [O, …] */
export function modulation(shape: readonly number[]): Reparameterisation {
  const { rows, columns } = matrixShape(shape);
  return {
    start: () => ({ modulator: { shape: [rows, rows], data: Float32Array.from({ length: rows * rows }, (_, index) => (index % (rows + 1) === 0 ? 1 : 0)) } }),
    weight: (base, parts) => tf.reshape(tf.matMul(part(parts, 'modulator'), tf.reshape(base, [rows, columns])), [...shape]),
    gradients: (weightGradient, base) => ({ modulator: tf.matMul(tf.reshape(weightGradient, [rows, columns]), tf.reshape(base, [rows, columns]), false, true) }),
    stored: (parts) => ({ kind: 'modulator', matrix: part(parts, 'modulator') }),
    storedBytes: 4 * rows * rows,
    decays: true,
  };
}
