/**
 * @file w = W̄ ⊙ 1[m ≥ τ] with a number m per weight (Piggyback: Mallya et al., ECCV 2018, arXiv 1801.06519, section 3). The threshold's
 * gradient is passed straight through, dL/dm = G ⊙ W̄, and divided by the layer's mean |W̄|, as the published code does, so that
 * layers with small weights learn at the pace of others.
 */
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import { packBits, packedLength } from '../../core/bits.ts';
import { KERNELS } from '../../engine/kernels/names.ts';
import { runKernel, tf } from '../../engine/tfjs.ts';
import { part, type Reparameterisation } from '../reparameterisation.ts';

export interface MaskingOptions {
  /** The frozen weight. */
  weight: FloatTensor;
  /** Start of every m. */
  init: number;
  /** τ. */
  threshold: number;
}

export function masking({ weight, init, threshold }: MaskingOptions): Reparameterisation {
  const count = elementCount(weight.shape);
  const pace = 1 / meanMagnitude(weight.data);
  // The kernel compares in float32.
  const limit = Math.fround(threshold);
  return {
    start: () => ({ mask: { shape: weight.shape, data: new Float32Array(count).fill(init) } }),
    weight: (base, parts) => tf.mul(base, runKernel(KERNELS.gate, { score: part(parts, 'mask') }, { threshold })),
    gradients: (weightGradient, base) => ({ mask: tf.mul(tf.mul(weightGradient, base), tf.scalar(pace)) }),
    stored(parts) {
      const { data } = part(parts, 'mask');
      return { kind: 'mask', bits: packBits(count, (index) => (data[index] ?? 0) >= limit) };
    },
    storedBytes: packedLength(count),
    decays: false,
  };
}

/** 1 for a layer of zeros, whose mask has no effect. */
function meanMagnitude(data: Float32Array): number {
  const sum = data.reduce((total, value) => total + Math.abs(value), 0);
  return sum === 0 ? 1 : sum / data.length;
}
