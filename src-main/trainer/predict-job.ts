/** @file Inference with stored tasks inside the trainer child. */
import { elementCount } from '../contract/tensors.ts';
import type { PredictJob, PredictManyJob, TrainerEvent } from '../contract/trainer-protocol.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { scoreLogits } from '../core/metrics.ts';
import { openPreparedSet, type PreparedSet } from '../data/prepared-set.ts';
import { batchFor, Predictors } from './predictors.ts';
import { failureOf } from './recovery.ts';

/** @param predictors what is kept between jobs; nothing when absent */
export async function runPredictJob(job: PredictJob, predictors?: Predictors): Promise<TrainerEvent> {
  return withPredictors(predictors, job, async (kept) => {
    const data = openPreparedSet(job.preparedFolder);
    const predictor = await kept.single(job, job.artifactPath, job.indices.length);
    try {
      const { classes } = predictor;
      const [logits = new Float32Array()] = await inBatches(data, job.indices, predictor, [classes], async (images) => [await predictor.logits(images)]);
      const labels = job.indices.map((index) => data.labels[index] ?? -1);
      const labelled = labels.some((label) => label >= 0);
      return { kind: 'predicted', logits, classes, evaluation: labelled ? scoreLogits(logits, labels, classes) : null };
    } finally {
      predictor.dispose();
    }
  });
}

/** Every task in the same pass. @param predictors what is kept between jobs; nothing when absent */
export async function runPredictManyJob(job: PredictManyJob, predictors?: Predictors): Promise<TrainerEvent> {
  return withPredictors(predictors, job, async (kept) => {
    const data = openPreparedSet(job.preparedFolder);
    const predictor = await kept.shared(job, job.tasks, job.indices.length);
    try {
      const { classes, sharing } = predictor;
      const logits = await inBatches(data, job.indices, predictor, classes, (images) => predictor.logits(images));
      return { kind: 'predicted-many', logits, classes: [...classes], sharing };
    } finally {
      predictor.dispose();
    }
  });
}

async function withPredictors<T>(given: Predictors | undefined, job: Pick<PredictJob, 'batchSize' | 'indices'>, work: (predictors: Predictors) => Promise<T>): Promise<T> {
  const predictors = given ?? new Predictors();
  try {
    return await work(predictors);
  } catch (error) {
    throw failureOf(error, { batchSize: batchFor(job, job.indices.length) });
  } finally {
    if (given === undefined) predictors.dispose();
  }
}

/** Row-major logits [indices.length, classes] of each task; an incomplete batch is padded with zeros. */
async function inBatches(data: PreparedSet, indices: readonly number[], { batchSize, preprocessing }: { batchSize: number; preprocessing: Preprocessing }, classes: readonly number[], logitsOf: (images: Float32Array) => Promise<Float32Array[]>): Promise<Float32Array[]> {
  const pixels = elementCount([3, preprocessing.imageSize, preprocessing.imageSize]);
  const all = classes.map((count) => new Float32Array(indices.length * count));
  const images = new Float32Array(batchSize * pixels);
  for (let start = 0; start < indices.length; start += batchSize) {
    const count = Math.min(batchSize, indices.length - start);
    images.fill(0);
    for (let slot = 0; slot < count; slot++) data.evaluationInput(indices[start + slot] ?? 0, images, slot * pixels, preprocessing);
    const answers = await logitsOf(images);
    all.forEach((logits, task) => {
      const size = classes[task] ?? 0;
      logits.set(answers[task]?.subarray(0, count * size) ?? [], start * size);
    });
  }
  return all;
}
