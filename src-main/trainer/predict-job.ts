/** @file Inference with a stored task inside the trainer child. */
import { readFile } from 'node:fs/promises';
import { TapsError } from '../contract/errors.ts';
import type { PredictJob, TrainerEvent } from '../contract/trainer-protocol.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import { createEngine } from '../engine/index.ts';
import { decodeTaskFile } from '../formats/task-file.ts';
import { scoreLogits } from '../core/metrics.ts';
import { collectLogits } from './evaluate.ts';
import { createPredictor } from '../training/predictor.ts';
import { loadBase } from '../bases/load-base.ts';

const BATCH = 32;

export async function runPredictJob(job: PredictJob): Promise<TrainerEvent> {
  const base = await loadBase(job.base);
  const artifact = decodeTaskFile(await readFile(job.artifactPath));
  if (artifact.baseId !== job.base.baseId) {
    throw new TapsError('base-mismatch', `The task was learnt on the base ${artifact.baseId.slice(0, 12)}…, not on ${job.base.baseId.slice(0, 12)}….`, 'Import the base that the task was learnt on.');
  }
  const data = openPreparedSet(job.preparedFolder);
  const engine = await createEngine(job.engine, { threads: job.threads });
  const batchSize = Math.max(1, Math.min(BATCH, job.indices.length));
  const predictor = await createPredictor({ engine, base, artifact, batchSize });
  try {
    const { classes } = predictor;
    const logits = await collectLogits({
      data,
      indices: job.indices,
      preprocessing: artifact.preprocessing,
      batchSize,
      classes,
      logitsOf: (images) => predictor.logits(images),
    });
    const labels = job.indices.map((index) => data.labels[index] ?? -1);
    const labelled = labels.some((label) => label >= 0);
    return { kind: 'predicted', logits, classes, evaluation: labelled ? scoreLogits(logits, labels, classes) : null };
  } finally {
    predictor.dispose();
    engine.dispose();
  }
}
