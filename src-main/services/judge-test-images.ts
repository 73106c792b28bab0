/** @file Use-case: what a stored result says of every test picture of the dataset version it learnt from. */
import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { DatasetManifest } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord } from '../contract/records.ts';
import type { JudgedImage } from '../contract/studio/results.ts';
import type { TrainConfig } from '../contract/training.ts';
import { argMax, softmax } from '../core/metrics.ts';
import { manifestHash } from '../data/build-manifest.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { storageError } from '../platform/storage-error.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import type { Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

export interface JudgeOptions {
  engine: TrainConfig['engine'];
  /** CPU threads, 0 = all cores. */
  threads: number;
  /** `total` 0 while unknown. */
  onProgress?: ((label: string, done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

const probability = z.number().min(0).max(1);
const judgedSchema = z.strictObject({
  version: z.literal(1),
  /** Of the dataset version. */
  datasetHash: z.string(),
  images: z.array(z.strictObject({ index: z.number().int().min(0), path: z.string(), label: z.number().int().min(0), predicted: z.number().int().min(0), probability, labelProbability: probability })),
});

/**
 * In the order of the dataset; pictures that can no longer be decoded are missing. Computed once per result, then remembered in the cache.
 * @throws TapsError `not-found` for the result, or when it has no test pictures (an unpacked task); `dataset-changed` for a test picture
 * that is gone or another; `cancelled`, …
 */
export async function judgeTestImages(library: Library, deltaId: string, options: JudgeOptions): Promise<JudgedImage[]> {
  const delta = library.deltas.get(deltaId);
  const manifest = learntFrom(library, delta);
  const tests = manifest.images.flatMap((image, index) => (image.split === 'test' ? [{ ...image, index }] : []));
  if (tests.length === 0) throw new TapsError('not-found', 'This result has no test pictures in the library.', 'Learn the task from pictures of your own to see what it gets wrong.');
  const cached = join(library.cacheFolder, 'judged', `${delta.id}.json`);
  const known = await readJudged(cached, manifest);
  if (known !== undefined) return known;
  const judged = await judge(library, delta, manifest, tests, options);
  await remember(cached, manifest, judged);
  return judged;
}

function learntFrom(library: Library, delta: DeltaRecord): DatasetManifest {
  // Unpacked tasks have no run, and runs of the first schema name no dataset: then there is only the task's own.
  const datasetId = delta.runId === null ? null : library.runs.get(delta.runId).datasetId;
  return library.datasets.get(datasetId ?? library.tasks.get(delta.taskId).datasetId).manifest;
}

type TestImage = DatasetManifest['images'][number] & { index: number };

async function judge(library: Library, delta: DeltaRecord, manifest: DatasetManifest, tests: readonly TestImage[], { engine, threads, onProgress, signal }: JudgeOptions): Promise<JudgedImage[]> {
  const { preprocessing } = await library.deltas.read(delta);
  // Only the test pictures have to be there: the others may have been moved away since the run.
  const images = tests.map(({ path, sha256, bytes, label, split }) => ({ path, sha256, bytes, label, split }));
  const part = { ...manifest, images, hash: manifestHash(manifest.classes, images) };
  const { folder, quarantined } = await prepareDataset(library, part, preprocessing, { onProgress: (done, total) => onProgress?.('Decoding the test pictures', done, total), signal });
  const unreadable = new Set(quarantined.map(({ path }) => path));
  // A prepared set keeps the order and leaves out what cannot be decoded.
  const readable = tests.filter(({ path }) => !unreadable.has(path));
  onProgress?.('Judging the test pictures', 0, 0);
  const { logits, classes } = await logitsOf(library, delta, folder, readable.length, { engine, threads, signal });
  onProgress?.('Judging the test pictures', readable.length, readable.length);
  return readable.map(({ index, path, label }, row) => {
    const scores = logits.subarray(row * classes, (row + 1) * classes);
    const probabilities = softmax(scores);
    const predicted = argMax(scores);
    return { index, path, label, predicted, probability: probabilities[predicted] ?? 0, labelProbability: probabilities[label] ?? 0 };
  });
}

async function logitsOf(library: Library, delta: DeltaRecord, preparedFolder: string, count: number, { engine, threads, signal }: JudgeOptions): Promise<{ logits: Float32Array; classes: number }> {
  const cancelled = (): TapsError => new TapsError('cancelled', 'Judging the test pictures was cancelled.', 'Open the result again when you are ready.');
  if (signal?.aborted === true) throw cancelled();
  const base = library.bases.files(library.bases.get(delta.baseId));
  const trainer = new TrainerClient();
  const onAbort = (): void => void trainer.stop();
  signal?.addEventListener('abort', onAbort);
  try {
    const indices = Array.from({ length: count }, (_, index) => index);
    return await trainer.predict({ base, artifactPath: library.deltas.path(delta), preparedFolder, indices, engine, threads });
  } catch (error) {
    throw isAborted(signal) ? cancelled() : error;
  } finally {
    signal?.removeEventListener('abort', onAbort);
    await trainer.stop();
  }
}

function isAborted(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

/** undefined when nothing is remembered, or nothing that fits the dataset. */
async function readJudged(path: string, { hash, images, classes }: DatasetManifest): Promise<JudgedImage[] | undefined> {
  try {
    const judged = judgedSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    const fits = judged.datasetHash === hash && judged.images.every((image) => {
      const { path: name, label, split } = images[image.index] ?? {};
      return name === image.path && label === image.label && split === 'test' && image.predicted < classes.length;
    });
    return fits ? judged.images : undefined;
  } catch {
    return undefined;
  }
}

async function remember(path: string, { hash }: DatasetManifest, images: JudgedImage[]): Promise<void> {
  const folder = join(path, '..');
  await mkdir(folder, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'make the folder', folder);
  });
  await writeFileAtomic(path, new TextEncoder().encode(JSON.stringify({ version: 1, datasetHash: hash, images } satisfies z.infer<typeof judgedSchema>)));
}
