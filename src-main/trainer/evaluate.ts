/** @file Logits and evaluation of pictures of a prepared set. */
import type { Evaluation } from '../contract/training.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { elementCount } from '../contract/tensors.ts';
import { scoreLogits } from '../core/metrics.ts';
import type { PreparedSet } from '../data/prepared-set.ts';

/** Row-major logits of a fixed batch: of its pictures, or of the pictures at these positions (at most a batch of them; other rows mean nothing). */
export type LogitSource = { ofImages: (images: Float32Array) => Promise<Float32Array> } | { at: (indices: readonly number[]) => Promise<Float32Array> };

export interface EvaluationInput {
  data: PreparedSet;
  /** Positions in the prepared set. */
  indices: readonly number[];
  preprocessing: Preprocessing;
  batchSize: number;
  classes: number;
  logits: LogitSource;
  /** Between batches: lets messages in, may throw to stop. */
  between?: () => Promise<void>;
}

/** Row-major logits [indices.length, classes]. */
export async function collectLogits(input: EvaluationInput): Promise<Float32Array> {
  const { batchSize, classes, indices, logits } = input;
  const at = 'at' in logits ? logits.at : logitsOfImages(input, logits.ofImages);
  const all = new Float32Array(indices.length * classes);
  for (let start = 0; start < indices.length; start += batchSize) {
    const some = indices.slice(start, start + batchSize);
    all.set((await at(some)).subarray(0, some.length * classes), start * classes);
    await input.between?.();
  }
  return all;
}

/** Incomplete batches are padded with zeros. */
function logitsOfImages({ batchSize, data, preprocessing }: EvaluationInput, run: (images: Float32Array) => Promise<Float32Array>): (indices: readonly number[]) => Promise<Float32Array> {
  const pixels = elementCount([3, preprocessing.imageSize, preprocessing.imageSize]);
  const images = new Float32Array(batchSize * pixels);
  return (indices) => {
    images.fill(0);
    indices.forEach((index, slot) => {
      data.evaluationInput(index, images, slot * pixels, preprocessing);
    });
    return run(images);
  };
}

export async function evaluateSplit(input: EvaluationInput): Promise<Evaluation> {
  const logits = await collectLogits(input);
  return scoreLogits(logits, input.indices.map((index) => input.data.labels[index] ?? -1), input.classes);
}
