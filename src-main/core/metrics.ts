/** @file Classification metrics from logits. */
import type { Evaluation } from '../contract/training.ts';

/** Labels of −1 (unlabelled) do not count. */
export function scoreLogits(logits: Float32Array, labels: readonly number[], classes: number): Evaluation {
  const confusion = Array.from({ length: classes }, () => new Array<number>(classes).fill(0));
  let loss = 0;
  let correct = 0;
  let images = 0;
  labels.forEach((label, row) => {
    const actual = confusion[label];
    if (actual === undefined) return;
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    const predicted = argMax(scores);
    images++;
    if (predicted === label) correct++;
    actual[predicted] = (actual[predicted] ?? 0) + 1;
    loss += crossEntropy(scores, label);
  });
  return { images, loss: images === 0 ? 0 : loss / images, accuracy: images === 0 ? 0 : correct / images, confusion };
}

/** Position of the largest value, the first of equals. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  return best;
}

/** −log of the label's probability in one row of logits. */
export function crossEntropy(scores: Float32Array, label: number): number {
  const largest = Math.max(...scores);
  let sum = 0;
  for (const score of scores) sum += Math.exp(score - largest);
  return Math.log(sum) + largest - (scores[label] ?? 0);
}

/** Probabilities of one row of logits. */
export function softmax(scores: Float32Array): number[] {
  const largest = Math.max(...scores);
  const powers = Array.from(scores, (score) => Math.exp(score - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}
