/** @file w = w̄ + δ, without a gate: dL/dδ = G. δ starts at 0. */
import { elementCount } from '../../contract/tensors.ts';
import { tf } from '../../engine/tfjs.ts';
import { part, type Reparameterisation } from '../reparameterisation.ts';

export function plainDelta(shape: readonly number[]): Reparameterisation {
  const count = elementCount(shape);
  return {
    start: () => ({ delta: { shape, data: new Float32Array(count) } }),
    weight: (base, parts) => tf.add(base, part(parts, 'delta')),
    gradients: (weightGradient) => ({ delta: weightGradient }),
    stored: (parts) => ({ kind: 'delta', delta: part(parts, 'delta') }),
    storedBytes: 4 * count,
    decays: true,
  };
}
