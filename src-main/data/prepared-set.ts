/**
 * @file Decoded pictures ready for training. A prepared set is one JSON index that points to per-picture files in a cache keyed
 * by content hash and decoding policy, so that tasks and sizes share what is equal.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { TapsError } from '../contract/errors.ts';
import type { Split } from '../contract/dataset.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TrainConfig } from '../contract/training.ts';
import { augment, evaluationCrop, renderCrop, type Picture } from '../core/augment.ts';
import { HEADER_BYTES } from './decoded-file.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';

const indexSchema = z.strictObject({
  version: z.literal(1),
  /** Absolute folder of the decoded files. */
  cache: z.string(),
  images: z.array(
    z.strictObject({
      path: z.string(),
      /** Relative to the cache. */
      file: z.string().regex(/^[0-9a-f]{2}\/[0-9a-f]{64}\.rgb$/),
      width: z.number().int().positive(),
      height: z.number().int().positive(),
      label: z.number().int(),
      split: z.enum(['train', 'validation', 'test']),
    }),
  ),
});
export type PreparedIndex = z.infer<typeof indexSchema>;

const INDEX = 'prepared.json';

/** Atomic: a set is there or not. Inverse: `openPreparedSet`. */
export async function writePreparedSet(folder: string, index: PreparedIndex): Promise<void> {
  await writeFileAtomic(join(folder, INDEX), new TextEncoder().encode(JSON.stringify(index)));
}

export interface PreparedSet {
  readonly count: number;
  /** Label of each picture, −1 for unlabelled ones. */
  readonly labels: readonly number[];
  path(index: number): string;
  indicesOf(split: Split): number[];
  image(index: number): Picture;
  /** Evaluation view as [3, S, S] floats at `offset`; S = preprocessing.imageSize. */
  evaluationInput(index: number, out: Float32Array, offset: number, preprocessing: Preprocessing): void;
  /** Augmented view, a function of (seed, epoch, index). */
  trainingInput(index: number, out: Float32Array, offset: number, preprocessing: Preprocessing, augmentation: TrainConfig['augmentation'], seed: number, epoch: number): void;
}

/** Decoded pictures kept in memory; the rest is read again. */
const KEPT_BYTES = 1_500_000_000;

/**
 * @param keptBytes how much of the decoded pictures stays in memory
 * @throws TapsError `io-failed` when the index or a decoded picture is missing or damaged
 */
export function openPreparedSet(folder: string, { keptBytes: mostKept = KEPT_BYTES } = {}): PreparedSet {
  const index = readPreparedIndex(folder);
  const kept = new Map<number, Picture>();
  let keptBytes = 0;
  const entry = (position: number): PreparedIndex['images'][number] => {
    const found = index.images[position];
    if (found === undefined) throw new TapsError('internal', `The prepared set has no picture ${String(position)}.`, '');
    return found;
  };
  const image = (position: number): Picture => {
    const known = kept.get(position);
    if (known !== undefined) return known;
    const { file, width, height } = entry(position);
    const picture = { width, height, data: readDecoded(join(index.cache, file), width * height * 3) };
    if (keptBytes + picture.data.length <= mostKept) {
      kept.set(position, picture);
      keptBytes += picture.data.length;
    }
    return picture;
  };
  return {
    count: index.images.length,
    labels: index.images.map(({ label }) => label),
    path: (position) => entry(position).path,
    indicesOf: (split) => index.images.flatMap((item, position) => (item.split === split ? [position] : [])),
    image,
    evaluationInput(position, out, offset, preprocessing) {
      const picture = image(position);
      renderCrop(picture, evaluationCrop(picture, preprocessing), false, preprocessing, out, offset);
    },
    trainingInput(position, out, offset, preprocessing, augmentation, seed, epoch) {
      augment(image(position), augmentation, { seed, epoch, image: position }, preprocessing, out, offset);
    },
  };
}

/** @throws TapsError `io-failed` */
export function readPreparedIndex(folder: string): PreparedIndex {
  try {
    return indexSchema.parse(JSON.parse(readFileSync(join(folder, INDEX), 'utf8')));
  } catch (error) {
    throw new TapsError('io-failed', `The decoded pictures in ${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'Start the run again; they are decoded anew.', { cause: error });
  }
}

function readDecoded(path: string, expectedBytes: number): Uint8Array {
  let data: Uint8Array;
  try {
    data = readFileSync(path);
  } catch (error) {
    throw new TapsError('io-failed', `The decoded picture ${path} cannot be read.`, 'Start the run again; it is decoded anew.', { cause: error });
  }
  if (data.length !== HEADER_BYTES + expectedBytes) throw new TapsError('io-failed', `The decoded picture ${path} has ${String(data.length)} bytes instead of ${String(HEADER_BYTES + expectedBytes)}.`, 'Delete the cache folder and start again.');
  return data.subarray(HEADER_BYTES);
}
