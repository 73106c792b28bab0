/** @file Decodes a dataset into the cache and writes the index of the prepared set. */
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import type { Picture } from '../core/augment.ts';
import { HEADER_BYTES, readHeader, writeHeader } from '../data/decoded-file.ts';
import { writePreparedSet, type PreparedIndex } from '../data/prepared-set.ts';
import { sha256OfBytes } from '../platform/hash.ts';
import { storageError } from '../platform/storage-error.ts';
import type { Progress } from '../supervisor/request-protocol.ts';
import { decodePicture, MAX_FILE_BYTES, workingSize } from './decode-picture.ts';
import { fingerprintOf } from './fingerprint.ts';
import type { PrepareRequest, PrepareResult } from './protocol.ts';
import { storeInCache } from './store-in-cache.ts';

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
      const outcome = await prepareOne(image, request, cache).catch((error: unknown) => {
        // The others stop too: nothing is written after the failure has been reported.
        next = request.images.length;
        throw error;
      });
      if ('reason' in outcome) quarantined.push(outcome);
      else entries[index] = outcome;
      progress(++done, request.images.length);
    }
  };
  const results = await Promise.allSettled(Array.from({ length: PARALLEL }, work));
  for (const result of results) if (result.status === 'rejected') throw result.reason;
  const images = entries.filter((entry) => entry !== undefined);
  await mkdir(request.outputFolder, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'make the folder', request.outputFolder);
  });
  await writePreparedSet(request.outputFolder, { version: 1, cache, images });
  quarantined.sort((a, b) => (a.path < b.path ? -1 : 1));
  return { prepared: images.length, quarantined };
}

async function prepareOne(image: PrepareRequest['images'][number], request: PrepareRequest, cache: string): Promise<Entry | QuarantinedImage> {
  const path = join(request.root, image.path);
  const bytes = await readPicture(path, request.verify);
  if (!(bytes instanceof Uint8Array)) return { path: image.path, reason: bytes.reason };
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

/**
 * The file's bytes, or why they are no picture.
 * @throws TapsError when the file is not there; `io-failed` for a file of a dataset that was readable when it was added
 */
async function readPicture(path: string, verify: boolean): Promise<Uint8Array | { reason: string }> {
  try {
    const { size } = await stat(path);
    if (size > MAX_FILE_BYTES) return { reason: `the file has ${String(size)} bytes, more than any picture that is read` };
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      if (verify) throw new TapsError('dataset-changed', `The picture ${path} is gone.`, 'Put it back, or add the task again to make a new version of the dataset.', { cause: error });
      throw new TapsError('not-found', `There is no file ${path}.`, 'Check the path.', { cause: error });
    }
    const failure = storageError(error, 'read', path);
    if (verify) throw failure;
    return { reason: failure.message };
  }
}

/** Size of a decoded file that is complete: its header and its length agree. */
async function cachedSize(path: string): Promise<{ width: number; height: number } | undefined> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return undefined;
  try {
    const header = new Uint8Array(HEADER_BYTES);
    await file.read(header, 0, HEADER_BYTES, 0);
    const { width, height } = readHeader(header);
    const pixels = width * height;
    return pixels > 0 && (await file.stat()).size === HEADER_BYTES + pixels * 3 ? { width, height } : undefined;
  } finally {
    await file.close();
  }
}

function store(path: string, picture: Picture): Promise<void> {
  const { width, height, data } = picture;
  const file = new Uint8Array(HEADER_BYTES + data.length);
  writeHeader(file, { width, height, fingerprint: fingerprintOf(picture) });
  file.set(data, HEADER_BYTES);
  return storeInCache(path, file);
}
