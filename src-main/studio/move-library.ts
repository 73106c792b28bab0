/** @file Copies a library to an empty folder and proves the copy. The original is only read. */
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { dirname, join, relative, sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { writeFileAtomic } from '../platform/atomic-file.ts';
import { storageError, volumeOf } from '../platform/storage-error.ts';
import { openLibrary, type Library } from '../services/open-library.ts';
import { throwIfCancelled, type Operation } from './operations.ts';

/** Made again where it is needed. */
const LEFT_BEHIND = new Set(['cache', 'library.lock', 'ballast']);

interface FileToCopy {
  /** Relative to the library. */
  path: string;
  bytes: number;
}

/** @param source of a closed library @throws TapsError `usage` for a folder that is not empty or lies inside, `disk-full`, `io-failed`, `cancelled`, `library-damaged` */
export async function copyLibrary(source: string, target: string, { signal, progress, counter }: Operation): Promise<void> {
  await requireEmpty(source, target);
  const files = await listFiles(source);
  const totalBytes = files.reduce((sum, { bytes }) => sum + bytes, 0);
  const freeBytes = volumeOf(target)?.freeBytes;
  if (freeBytes !== undefined && freeBytes < totalBytes) {
    throw new TapsError('disk-full', `The library takes ${String(totalBytes)} bytes; ${target} has room for ${String(freeBytes)}.`, 'Choose a folder on a volume with more room.');
  }
  try {
    let doneBytes = 0;
    for (const { path, bytes } of files) {
      throwIfCancelled(signal);
      progress('Copying', doneBytes, totalBytes);
      await mkdir(dirname(join(target, path)), { recursive: true });
      await writeFileAtomic(join(target, path), createReadStream(join(source, path)) as AsyncIterable<Uint8Array>);
      doneBytes += bytes;
    }
    throwIfCancelled(signal);
    progress('Verifying the copy', 0, 0);
    await settle(source, target, { signal, onProgress: counter('Verifying the copy') });
  } catch (error) {
    // The folder was empty: what is in it now came from here.
    for (const name of await readdir(target).catch(() => [])) await rm(join(target, name), { recursive: true, force: true });
    throw storageError(error, 'copy the library to', target, totalBytes);
  }
}

async function requireEmpty(source: string, target: string): Promise<void> {
  const inside = (folder: string, path: string): boolean => `${path}${sep}`.startsWith(`${folder}${sep}`);
  if (inside(source, target) || inside(target, source)) throw new TapsError('usage', `${target} and the library ${source} lie inside each other.`, 'Choose a folder somewhere else.');
  const names = await readdir(target).catch((error: unknown) => {
    throw storageError(error, 'list the folder', target);
  });
  if (names.length > 0) throw new TapsError('usage', `The folder ${target} is not empty (${names.slice(0, 3).join(', ')}).`, 'Choose or make an empty folder.');
}

async function listFiles(source: string): Promise<FileToCopy[]> {
  const files: FileToCopy[] = [];
  for (const entry of await readdir(source, { recursive: true, withFileTypes: true })) {
    const path = relative(source, join(entry.parentPath, entry.name));
    if (!entry.isFile() || LEFT_BEHIND.has(path.split(sep)[0] ?? '') || path.endsWith('-shm')) continue;
    files.push({ path, bytes: (await stat(join(source, path))).size });
  }
  return files;
}

/** Unpacked archives have moved along; then everything is read. */
async function settle(source: string, target: string, options: Parameters<Library['verify']>[0]): Promise<void> {
  using library = openLibrary(target);
  library.datasets.relocate(source, target);
  const { ok, problems } = await library.verify(options);
  if (ok) return;
  throw new TapsError('library-damaged', `The copy is not whole: ${problems[0]?.message ?? ''}`, 'Verify the library, mend what it names, and try again. The library in use has not been changed.');
}
