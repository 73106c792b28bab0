/**
 * @file A head that fits the base before anything is learnt: a linear probe on the features of one pass over the training pictures, then
 * learning from there (Kumar et al., ICLR 2022, arXiv 2202.10054: a random head's first gradients distort features that were good).
 */
import type { TrainConfig } from '../contract/training.ts';
import { epochOrder, trainingBatch } from '../core/batching.ts';
import { scoreLogits } from '../core/metrics.ts';
import { RegressionProblem, softmaxRegression, type Fit, type SoftmaxRegression } from '../core/softmax-regression.ts';
import type { PreparedSet } from '../data/prepared-set.ts';
import type { TrainingSession } from '../training/types.ts';
import type { LoopControl } from './control.ts';
import type { PictureInputs } from './picture-inputs.ts';

/** From strong to weak: with more features than pictures a weak one fits the pictures perfectly and is sure of what they do not say. */
const PENALTIES = [100, 30, 10, 3, 1, 0.3, 0.1, 0.03] as const;
const EFFORT = { iterations: 100, tolerance: 1e-3 } as const;
/** Held out to choose the penalty. */
const HELD_OUT = 0.25;
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
    const features = await session.features(await inputs.training(indices, 0, true));
    const width = features.length / config.batchSize;
    rows.push(features.slice(0, indices.length * width));
    labels.push(...indices.map((index) => data.labels[index] ?? 0));
    await control.breathe();
    if (control.cancelled) return;
    if ((labels.length + config.batchSize) * width * session.classes > MOST_PRODUCTS) break;
  }
  session.setHead(fittedHead(joined(rows), labels, session.classes));
}

/**
 * Fitted to all rows with the penalty that predicts held-out rows best: the last ones, so whole batches, whose normalisation has not
 * seen the others.
 * @param features [rows, width] @param labels of the rows
 */
export function fittedHead(features: Float32Array, labels: readonly number[], classes: number): SoftmaxRegression {
  const width = features.length / Math.max(1, labels.length);
  const fitted = Math.ceil((1 - HELD_OUT) * labels.length);
  const heldOut = labels.slice(fitted);
  const part = new RegressionProblem(features.subarray(0, fitted * width), labels.slice(0, fitted), classes);
  let penalty: number = PENALTIES[0];
  let least = Infinity;
  let fit: Fit | undefined;
  for (const candidate of PENALTIES) {
    fit = part.fit({ ...EFFORT, penalty: candidate }, fit);
    const { loss } = scoreLogits(logitsOf(part.modelOf(fit), features.subarray(fitted * width)), heldOut, classes);
    if (loss >= least) break;
    least = loss;
    penalty = candidate;
  }
  return softmaxRegression(features, labels, classes, { ...EFFORT, penalty });
}

/** W·x + b of every row, [rows, classes]. */
function logitsOf({ weight, bias }: SoftmaxRegression, features: Float32Array): Float32Array {
  const width = weight.length / bias.length;
  const logits = new Float32Array((features.length / width) * bias.length);
  for (let row = 0, at = 0; at < logits.length; row++) for (let label = 0; label < bias.length; label++, at++) {
    let sum = bias[label] ?? 0;
    for (let column = 0; column < width; column++) sum += (weight[label * width + column] ?? 0) * (features[row * width + column] ?? 0);
    logits[at] = sum;
  }
  return logits;
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
