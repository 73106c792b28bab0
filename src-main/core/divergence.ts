/** @file How far answers are from other answers. */

/**
 * Mean Kullback-Leibler divergence Σ p·log(p/q) in nats per row, p and q the softmax of the two logits.
 * @param reference row-major [n, classes]; of p
 * @param logits of q
 * @returns ≥ 0 up to rounding; Infinity where answers are no numbers
 */
export function meanDivergence(reference: Float32Array, logits: Float32Array, classes: number): number {
  const rows = reference.length / classes;
  let sum = 0;
  for (let row = 0; row < rows; row++) {
    const p = logSoftmax(reference.subarray(row * classes, (row + 1) * classes));
    const q = logSoftmax(logits.subarray(row * classes, (row + 1) * classes));
    for (let index = 0; index < classes; index++) sum += Math.exp(p[index] ?? 0) * ((p[index] ?? 0) - (q[index] ?? 0));
  }
  if (!Number.isFinite(sum)) return Infinity;
  return rows === 0 ? 0 : sum / rows;
}

function logSoftmax(scores: Float32Array): Float64Array {
  let largest = -Infinity;
  for (const score of scores) largest = Math.max(largest, score);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - largest);
  const normaliser = largest + Math.log(sum);
  return Float64Array.from(scores, (score) => score - normaliser);
}
