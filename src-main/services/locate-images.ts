/** @file Where pictures are that a person named: a folder or a table as it is, an archive once it is unpacked into the library. */
import { stat } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { Library } from './open-library.ts';
import { isArchive, unpackIntoLibrary } from './unpack-archive.ts';

export interface LocateOptions {
  /** Of an archive, in bytes; `total` 0 while unknown. */
  onUnpacked?: ((stage: 'reading' | 'unpacking', done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * @returns the folder or table to list, and pictures of an archive that were not unpacked
 * @throws TapsError `not-found`, `dataset-invalid` (also for a hostile archive), `disk-full`, `cancelled`
 */
export async function locateImages(library: Library, named: string, { onUnpacked, signal }: LocateOptions): Promise<{ path: string; leftOut: QuarantinedImage[] }> {
  const source = resolve(named);
  const info = await stat(source).catch(() => undefined);
  if (info === undefined) throw new TapsError('not-found', `There is nothing at ${source}.`, 'Check that the drive is connected and the path is right, and choose it again.');
  if (info.isDirectory()) return { path: source, leftOut: [] };
  if (await isArchive(source)) {
    const { folder, leftOut } = await unpackIntoLibrary(library, source, { onStage: onUnpacked, signal });
    return { path: folder, leftOut };
  }
  if (!info.isFile() || extname(source).toLowerCase() !== '.csv') {
    const advice = extname(source).toLowerCase() === '.zip' ? 'The archive may be cut off or of another kind: copy it again, or unpack it and choose the folder.' : 'Choose a folder with a sub-folder per class, a CSV with file_name and label, or a zip archive of either.';
    throw new TapsError('dataset-invalid', `${source} is neither a folder nor a CSV table nor a zip archive.`, advice);
  }
  return { path: source, leftOut: [] };
}
