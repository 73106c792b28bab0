/** @file One picture, small, for showing. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { sha256OfBytes } from '../platform/hash.ts';
import { isErrno } from '../platform/file-system.ts';
import { storageError } from '../platform/storage-error.ts';
import { MAX_FILE_BYTES, renderThumbnail } from './decode-picture.ts';
import type { ThumbnailRequest, ThumbnailResult } from './protocol.ts';
import { storeInCache } from './store-in-cache.ts';

/** Where the thumbnail of a content is, relative to the cache of its size. */
function thumbnailPath(sha256: string): string {
  return join(sha256.slice(0, 2), `${sha256}.webp`);
}

/** @throws TapsError `image-unreadable`, `not-found`, `dataset-changed` when the file is not the one that was meant */
export async function thumbnail({ path, sha256, size, folder }: ThumbnailRequest): Promise<ThumbnailResult> {
  const bytes = await readPicture(path);
  const actual = sha256OfBytes(bytes);
  if (sha256 !== null && sha256 !== actual) {
    throw new TapsError('dataset-changed', `The picture ${path} is not the one that was added: its content has changed.`, 'Put the old file back, or add the task again to make a new version of the dataset.');
  }
  const file = join(folder, thumbnailPath(actual));
  if ((await stat(file).catch(() => undefined))?.isFile() !== true) await storeInCache(file, await rendered(bytes, size, path));
  return { file };
}

async function rendered(bytes: Uint8Array, size: number, path: string): Promise<Uint8Array> {
  try {
    return await renderThumbnail(bytes, size);
  } catch (error) {
    if (error instanceof TapsError && error.code === 'image-unreadable') throw new TapsError('image-unreadable', `${path} cannot be shown: ${error.message}`, error.advice, { cause: error });
    throw error;
  }
}

async function readPicture(path: string): Promise<Uint8Array> {
  try {
    const info = await stat(path);
    if (!info.isFile()) throw new TapsError('image-unreadable', `${path} is not a file.`, 'Choose a picture.');
    if (info.size > MAX_FILE_BYTES) throw new TapsError('image-unreadable', `${path} has ${String(info.size)} bytes, more than any picture that is read.`, 'Choose a smaller picture.');
    return await readFile(path);
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) throw new TapsError('not-found', `The picture ${path} is gone.`, 'Put it back, or add the task again.', { cause: error });
    throw storageError(error, 'read', path);
  }
}
