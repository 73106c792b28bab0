/** @file Files of a cache: complete or absent, and nothing is lost when they are. */
import { randomUUID } from 'node:crypto';
import { mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { storageError } from '../platform/storage-error.ts';

/**
 * Written beside and renamed, without waiting for the disk: a cache may lose its newest files in a power cut, and thousands of
 * flushes would take longer than decoding. Makes the folder.
 * @throws TapsError `disk-full`, `io-failed`
 */
export async function storeInCache(path: string, bytes: Uint8Array): Promise<void> {
  // Two equal pictures of a dataset may be stored at the same time.
  const temporary = `${path}.${randomUUID()}.partial`;
  try {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError(error, 'write the picture', path, bytes.length);
  }
}
