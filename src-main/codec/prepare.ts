/** @file Decodes a dataset into the cache and writes the index of the prepared set. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import type { Picture } from '../core/augment.ts';
import { HEADER_BYTES, readHeader, writeHeader } from '../data/decoded-file.ts';
import { writePreparedSet, type PreparedIndex } from '../data/prepared-set.ts';
import { sha256OfBytes } from '../platform/hash.ts';
import { storageError } from '../platform/storage-error.ts';
import type { Progress } from '../supervisor/request-protocol.ts';
import { decodePicture, workingSize } from './decode-picture.ts';
import type { PrepareRequest, PrepareResult } from './protocol.ts';

/** Decoding runs on this many files at a time. */
const PARALLEL = 2;

type Entry = PreparedIndex['images'][number];

export async function prepare(request: PrepareRequest, progress: Progress): Promise<PrepareResult> {
  const cache = join(request.cacheFolder, workingSize(request.preprocessing).key);
  const entries = new Array<Entry | undefined>(request.images.length);
  const quarantined: QuarantinedImage[] = [];
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < request.images.length; index = next++) {
      const image = request.images[index];
      if (image === undefined) return;
      const outcome = await prepareOne(image, request, cache);
      if ('reason' in outcome) quarantined.push(outcome);
      else entries[index] = outcome;
      progress(++done, request.images.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  const images = entries.filter((entry) => entry !== undefined);
  await mkdir(request.outputFolder, { recursive: true });
  await writePreparedSet(request.outputFolder, { version: 1, cache, images });
  quarantined.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { prepared: images.length, quarantined };
}

async function prepareOne(image: PrepareRequest['images'][number], request: PrepareRequest, cache: string): Promise<Entry | QuarantinedImage> {
  const path = join(request.root, image.path);
  const bytes = await readFile(path).catch((error: unknown) => {
    if (request.verify) throw new TapsError('dataset-changed', `The picture ${path} is gone.`, 'Put it back, or add the task again to make a new version of the dataset.', { cause: error });
    throw new TapsError('not-found', `There is no file ${path}.`, 'Check the path.', { cause: error });
  });
  const sha256 = sha256OfBytes(bytes);
  if (request.verify && sha256 !== image.sha256) {
    throw new TapsError('dataset-changed', `The picture ${path} has changed since the task was added.`, 'Put the old file back, or add the task again to make a new version of the dataset.');
  }
  const file = `${sha256.slice(0, 2)}/${sha256}.rgb`;
  const known = await cachedSize(join(cache, file));
  if (known !== undefined) return { path: image.path, file, ...known, label: image.label, split: image.split };
  try {
    const picture = await decodePicture(bytes, request.preprocessing);
    await store(join(cache, file), picture);
    return { path: image.path, file, width: picture.width, height: picture.height, label: image.label, split: image.split };
  } catch (error) {
    if (error instanceof TapsError && error.code === 'image-unreadable') return { path: image.path, reason: error.message };
    throw error;
  }
}

/** Size of a decoded file that is complete: its header and its length agree. */
async function cachedSize(path: string): Promise<{ width: number; height: number } | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const header = new Uint8Array(HEADER_BYTES);
    await file.read(header, 0, HEADER_BYTES, 0);
    const size = readHeader(header);
    return (await file.stat()).size === HEADER_BYTES + size.width * size.height * 3 ? size : undefined;
  } finally {
    await file.close();
  }
}

/**
 * Written beside and renamed, without waiting for the disk: a cache may lose its newest files in a power cut, and thousands of
 * flushes would take longer than decoding.
 */
async function store(path: string, { width, height, data }: Picture): Promise<void> {
  const file = new Uint8Array(HEADER_BYTES + data.length);
  writeHeader(file, width, height);
  file.set(data, HEADER_BYTES);
  // Two equal pictures of a dataset may be stored at the same time.
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, file);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError(error, 'write the decoded picture', path, file.length);
  }
}
