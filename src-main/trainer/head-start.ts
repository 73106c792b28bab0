/**
 * @file A head that fits the base before anything is learnt: a linear probe on the features of one pass over the training pictures, then
 * learning from there (Kumar et al., ICLR 2022, arXiv 2202.10054: a random head's first gradients distort features that were good).
 */
import type { TrainConfig } from '../contract/training.ts';
import { epochOrder, trainingBatch } from '../core/batching.ts';
import { softmaxRegression } from '../core/softmax-regression.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import type { TrainingSession } from '../training/types.ts';
import type { LoopControl } from './control.ts';
import type { PictureInputs } from './picture-inputs.ts';

/** Enough to be better than a random head by far; a perfect probe would be sure of what the pictures it was fitted to do not say. */
const REGRESSION = { penalty: 0.05, iterations: 100 } as const;
/** Products of one iteration; beyond, fewer pictures do. */
const MOST_PRODUCTS = 2e7;

export interface HeadStartOptions {
  session: TrainingSession;
  data: PreparedSet;
  config: TrainConfig;
  inputs: PictureInputs;
  control: LoopControl;
}

/** Leaves the session's head as it is when a person cancels; the loop notices that at its first step. */
export async function startHead({ session, data, config, inputs, control }: HeadStartOptions): Promise<void> {
  const train = data.indicesOf('train');
  const order = epochOrder(train.length, config.seed, 0);
  const batches = Math.max(1, Math.floor(train.length / config.batchSize));
  const rows: Float32Array[] = [];
  const labels: number[] = [];
  for (let batch = 0; batch < batches; batch++) {
    // Batches as in the first epoch: what normalisation makes of a picture depends on the others.
    const indices = trainingBatch(order, config.batchSize, batch).map((position) => train[position] ?? 0);
    const features = await session.features(await inputs.training(indices, 0));
    const width = features.length / config.batchSize;
    rows.push(features.slice(0, indices.length * width));
    labels.push(...indices.map((index) => data.labels[index] ?? 0));
    await control.breathe();
    if (control.cancelled) return;
    if ((labels.length + config.batchSize) * width * session.classes > MOST_PRODUCTS) break;
  }
  session.setHead(softmaxRegression(joined(rows), labels, session.classes, REGRESSION));
}

function joined(parts: readonly Float32Array[]): Float32Array {
  const all = new Float32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let offset = 0;
  for (const part of parts) {
    all.set(part, offset);
    offset += part.length;
  }
  return all;
}
