/** @file Logits and evaluation of pictures of a prepared set. */
import type { Evaluation } from '../contract/training.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount } from '../contract/tensors.ts';
import { scoreLogits } from '../core/metrics.ts';
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

export async function evaluateSplit(input: EvaluationInput): Promise<Evaluation> {
  const logits = await collectLogits(input);
  return scoreLogits(logits, input.indices.map((index) => input.data.labels[index] ?? -1), input.classes);
}
