/**
 * @file TALL masks (Wang et al., ICML 2024, arXiv 2405.07813): one vector for all tasks and one bit per number and task that says whether
 * the task uses it. θ̂_t = θ_0 + m_t ⊙ τ_MTL, section 3.
 */
import { bitAt, packBits } from './bits.ts';

/** What the paper tries for each task on its validation pictures. */
export const TALL_LAMBDAS: readonly number[] = [0.2, 0.3, 0.4, 0.5, 0.6];

/** τ_MTL = Σ_t τ_t, added in float64 in the given order. @param taus differences from the base, of equal length, at least one */
export function multiTaskVector(taus: readonly Float32Array[]): Float32Array {
  const sum = new Float64Array(taus[0]?.length ?? 0);
  for (const tau of taus) tau.forEach((value, index) => (sum[index] = (sum[index] ?? 0) + value));
  return Float32Array.from(sum);
}

/**
 * m_t = 1[|τ_t| > λ·|τ_MTL − τ_t|] (equation 5, strict), in float64.
 * @returns bits as `packBits` makes them
 */
export function tallMask(tau: Float32Array, shared: Float32Array, lambda: number): Uint8Array {
  return packBits(tau.length, (index) => Math.abs(tau[index] ?? 0) > lambda * Math.abs((shared[index] ?? 0) - (tau[index] ?? 0)));
}

/** m ⊙ τ_MTL: what the task adds to the base. */
export function maskedVector(shared: Float32Array, mask: Uint8Array): Float32Array {
  return shared.map((value, index) => (bitAt(mask, index) ? value : 0));
}
