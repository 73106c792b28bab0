/** @file Pictures → decoded, cached, indexed: what the trainer and the parity check read. Decoding runs in the codec child. */
import { join, resolve } from 'node:path';
import type { PrepareRequest, PrepareResult } from '../codec/protocol.ts';
import type { DatasetManifest, QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import { sha256OfBytes } from '../platform/hash.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import { pictureRoot } from './archive-folders.ts';
import type { CountProgress, Library } from './open-library.ts';

export interface PrepareOptions {
  onProgress?: CountProgress | undefined;
  signal?: AbortSignal | undefined;
}

export interface PreparedImages {
  /** Folder for `openPreparedSet`. */
  folder: string;
  prepared: number;
  /** Pictures that could not be decoded and are not in the set. */
  quarantined: QuarantinedImage[];
}

const decodedFolder = (library: Library): string => join(library.cacheFolder, 'decoded');

/**
 * Decodes the pictures of a dataset as far as they are not in the cache. Files are compared with the manifest first.
 * @throws TapsError `dataset-changed`, `dataset-invalid` when nothing is left, `cancelled`, `disk-full`, …
 */
export async function prepareDataset(library: Library, manifest: DatasetManifest, preprocessing: Preprocessing, options: PrepareOptions = {}): Promise<PreparedImages> {
  // The index depends on the pictures, on where they are and on the size they are decoded to.
  const key = sha256OfBytes(JSON.stringify([manifest.hash, manifest.root, preprocessing.imageSize, preprocessing.resize]));
  const folder = join(library.cacheFolder, 'prepared', key);
  const { prepared, quarantined } = await prepare(
    { root: pictureRoot(library, manifest.root), images: manifest.images, preprocessing, cacheFolder: decodedFolder(library), outputFolder: folder, verify: true },
    options,
  );
  if (prepared === 0) {
    const first = quarantined[0];
    throw new TapsError('dataset-invalid', `None of the ${manifest.images.length} pictures in ${manifest.root} can be read${first === undefined ? '' : ` (${first.path}: ${first.reason})`}.`, 'Check that the files are pictures.');
  }
  return { folder, prepared, quarantined };
}

/**
 * Decodes single files without a dataset.
 * @param folder where the index is written; the caller removes it
 */
export function preparePictures(library: Library, paths: readonly string[], preprocessing: Preprocessing, folder: string, options: PrepareOptions = {}): Promise<PrepareResult> {
  // sha256 is unused without `verify`.
  const images = paths.map((path) => ({ path: resolve(path), sha256: '', label: -1, split: 'test' as const }));
  return prepare({ root: '', images, preprocessing, cacheFolder: decodedFolder(library), outputFolder: folder, verify: false }, options);
}

async function prepare(request: PrepareRequest, { onProgress, signal }: PrepareOptions): Promise<PrepareResult> {
  const images = request.images.map(({ path, sha256, label, split }) => ({ path, sha256, label, split }));
  const result = await withRequestChild('codec', (child) =>
    child.request('prepare', { ...request, images }, { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) }),
  );
  return result as PrepareResult;
}
