/** @file Evaluation of one split: accuracy, mean cross-entropy and confusion matrix. */
import type { Evaluation } from '../contract/training.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount } from '../contract/tensors.ts';
import type { PreparedSet } from '../data/prepared-set.ts';

export interface EvaluationInput {
  data: PreparedSet;
  /** Positions in the prepared set. */
  indices: readonly number[];
  preprocessing: Preprocessing;
  batchSize: number;
  classes: number;
  /** Fixed batch in, row-major logits out. */
  logitsOf(images: Float32Array): Promise<Float32Array>;
  /** Between batches: lets messages in, may throw to stop. */
  between?: () => Promise<void>;
}

/** Row-major logits [indices.length, classes]; incomplete batches are padded with zeros. */
export async function collectLogits(input: EvaluationInput): Promise<Float32Array> {
  const { batchSize, classes, indices } = input;
  const pixels = elementCount([3, input.preprocessing.imageSize, input.preprocessing.imageSize]);
  const all = new Float32Array(indices.length * classes);
  const images = new Float32Array(batchSize * pixels);
  for (let start = 0; start < indices.length; start += batchSize) {
    const count = Math.min(batchSize, indices.length - start);
    images.fill(0);
    for (let slot = 0; slot < count; slot++) input.data.evaluationInput(indices[start + slot] ?? 0, images, slot * pixels, input.preprocessing);
    const logits = await input.logitsOf(images);
    all.set(logits.subarray(0, count * classes), start * classes);
    await input.between?.();
  }
  return all;
}

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

export async function evaluateSplit(input: EvaluationInput): Promise<Evaluation> {
  const logits = await collectLogits(input);
  return scoreLogits(logits, input.indices.map((index) => input.data.labels[index] ?? -1), input.classes);
}

/** Position of the largest value, the first of equals. */
export function argMax(values: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < values.length; index++) if ((values[index] ?? 0) > (values[best] ?? 0)) best = index;
  return best;
}

function crossEntropy(scores: Float32Array, label: number): number {
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
