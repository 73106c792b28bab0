/** @file What a run with confidence says of every training picture: the list that wrong labels are looked for in. */
import type { PictureTrust } from '../contract/training.ts';
import { crossEntropy } from '../core/metrics.ts';
import type { SampleConfidence } from '../training/sample-confidence.ts';
import { collectLogits, type EvaluationInput } from './evaluate.ts';

/** Five digits: these numbers are kept for every picture of a run, to be compared with each other. */
function rounded(value: number): number {
  return Number(value.toPrecision(5));
}

/** @param input of the training pictures, in the order of the confidence */
export async function pictureTrust(confidence: SampleConfidence, input: EvaluationInput): Promise<PictureTrust[]> {
  const { classes, data, indices } = input;
  const logits = await collectLogits(input);
  const learnt = confidence.results();
  return indices.flatMap((index, position) => {
    const own = learnt[position];
    if (own === undefined) return [];
    const loss = crossEntropy(logits.subarray(position * classes, (position + 1) * classes), data.labels[index] ?? -1);
    return [{ path: data.path(index), sigma: rounded(own.sigma), trainLoss: rounded(own.trainLoss), loss: rounded(loss) }];
  });
}
