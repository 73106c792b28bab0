/** @file Use-case: what a task says about pictures. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { MethodId, TrainConfig } from '../contract/training.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { chooseDelta } from './choose-delta.ts';
import type { Library } from './open-library.ts';
import { preparePictures } from './prepare-images.ts';

export interface PredictOptions {
  task: string;
  /** null: the task's current result. */
  method: MethodId | null;
  /** This very result, whatever its method. */
  deltaId?: string | null | undefined;
  images: readonly string[];
  engine: TrainConfig['engine'];
  /** CPU threads, 0 = all cores. */
  threads: number;
  signal?: AbortSignal | undefined;
}

export interface ClassScore {
  className: string;
  /** Softmax probability 0..1. */
  probability: number;
}

export interface Prediction {
  /** As given. */
  image: string;
  /** All classes, most probable first. */
  scores: ClassScore[];
}

export interface PredictOutcome {
  task: string;
  method: MethodId;
  predictions: Prediction[];
  /** Files that are no readable pictures. */
  unreadable: QuarantinedImage[];
}

/** @throws TapsError `not-found`; `image-unreadable` when none of the files can be read */
export async function predict(library: Library, options: PredictOptions): Promise<PredictOutcome> {
  const { task, base, delta } = chooseDelta(library, options.task, options.method, options.deltaId ?? null);
  const { preprocessing } = await library.deltas.read(delta);
  await mkdir(library.cacheFolder, { recursive: true });
  const folder = await mkdtemp(join(library.cacheFolder, 'predict-'));
  const trainer = new TrainerClient();
  try {
    const { quarantined } = await preparePictures(library, options.images, preprocessing, folder, { signal: options.signal });
    const unreadable = new Set(quarantined.map(({ path }) => path));
    // The prepared set keeps the order and leaves out what cannot be read; its paths are absolute.
    const readable = options.images.filter((image) => !unreadable.has(resolve(image)));
    const first = quarantined[0];
    if (readable.length === 0) throw new TapsError('image-unreadable', `${first?.path ?? ''} cannot be read: ${first?.reason ?? ''}.`, 'Give JPEG, PNG, WebP, GIF, TIFF or AVIF files.');
    const { logits, classes } = await trainer.predict({
      base: library.bases.files(base),
      artifactPath: library.deltas.path(delta),
      preparedFolder: folder,
      indices: readable.map((_image, index) => index),
      engine: options.engine,
      threads: options.threads,
    }, options.signal);
    const predictions = readable.map((image, index) => ({ image, scores: rank(logits.subarray(index * classes, (index + 1) * classes), task.classNames) }));
    return { task: task.name, method: delta.method, predictions, unreadable: quarantined };
  } finally {
    await trainer.stop();
    await rm(folder, { recursive: true, force: true });
  }
}

/** Softmax, then most probable first. Inverse order of equal values is by class index. */
export function rank(logits: Float32Array, classNames: readonly string[]): ClassScore[] {
  const largest = Math.max(...logits);
  const exponentials = Array.from(logits, (value) => Math.exp(value - largest));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials
    .map((value, label) => ({ className: classNames[label] ?? String(label), probability: value / sum }))
    .sort((a, b) => b.probability - a.probability);
}
