/** @file Use-case: what a task says about pictures. */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { MethodId, SmallerBatch, TrainConfig } from '../contract/training.ts';
import { chooseDelta } from './choose-delta.ts';
import type { Library } from './open-library.ts';
import { PredictorHost } from './predictor-host.ts';
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
  /** Where the network waits between questions; one of its own, for this question, when absent. */
  host?: PredictorHost | undefined;
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
  /** How it went on where memory did not suffice; absent where it did. */
  recoveries?: SmallerBatch[];
}

/** @throws TapsError `not-found`; `usage` without pictures; `image-unreadable` when none of the files can be read */
export async function predict(library: Library, options: PredictOptions): Promise<PredictOutcome> {
  const { task, base, delta } = chooseDelta(library, options.task, options.method, options.deltaId ?? null);
  requirePictures(options.images);
  const { preprocessing } = await library.deltas.read(delta);
  return withHost(options.host, (host) =>
    withPictures(library, options.images, preprocessing, options.signal, async ({ folder, readable, unreadable }) => {
      const { engine, threads, signal } = options;
      const { logits, classes, recoveries } = await host.predict({ base: library.bases.files(base), artifactPath: library.deltas.path(delta), preparedFolder: folder, indices: readable.map((_image, index) => index), engine, threads }, signal);
      return { task: task.name, method: delta.method, predictions: readable.map((image, index) => ({ image, scores: scoresOf(logits, classes, index, task.classNames) })), unreadable, ...(recoveries === undefined ? {} : { recoveries }) };
    }),
  );
}

/** @throws TapsError `usage` */
export function requirePictures(images: readonly string[]): void {
  if (images.length === 0) throw new TapsError('usage', 'No picture was named.', 'Name at least one picture after the task.');
}

export async function withHost<T>(given: PredictorHost | undefined, work: (host: PredictorHost) => Promise<T>): Promise<T> {
  const host = given ?? new PredictorHost();
  try {
    return await work(host);
  } finally {
    if (given === undefined) await host.close();
  }
}

export interface ReadyPictures {
  /** Of the prepared set; its pictures are `readable`, in this order. */
  folder: string;
  readable: string[];
  unreadable: QuarantinedImage[];
}

/**
 * Decodes single files for the time of `work`.
 * @throws TapsError `image-unreadable` when none of them can be read
 */
export async function withPictures<T>(library: Library, images: readonly string[], preprocessing: Preprocessing, signal: AbortSignal | undefined, work: (pictures: ReadyPictures) => Promise<T>): Promise<T> {
  await mkdir(library.cacheFolder, { recursive: true });
  const folder = await mkdtemp(join(library.cacheFolder, 'predict-'));
  try {
    const { quarantined } = await preparePictures(library, images, preprocessing, folder, { signal });
    const unreadable = new Set(quarantined.map(({ path }) => path));
    // The prepared set keeps the order and leaves out what cannot be read; its paths are absolute.
    const readable = images.filter((image) => !unreadable.has(resolve(image)));
    const first = quarantined[0];
    if (readable.length === 0) throw new TapsError('image-unreadable', `${first?.path ?? ''} cannot be read: ${first?.reason ?? ''}.`, 'Give JPEG, PNG, WebP, GIF, TIFF or AVIF files.');
    return await work({ folder, readable, unreadable: quarantined });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** Of the picture at this place of row-major logits. */
export function scoresOf(logits: Float32Array, classes: number, index: number, classNames: readonly string[]): ClassScore[] {
  return rank(logits.subarray(index * classes, (index + 1) * classes), classNames);
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
