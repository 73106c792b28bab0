/** @file Image folders and CSV files → manifest. Reads names and hashes only; whether a file is a picture is found out by the decoder. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DatasetManifest } from '../contract/dataset.ts';
import { buildManifest, type ScanOptions } from './build-manifest.ts';
import { listImageFolder } from './image-folder.ts';
import { listCsv } from './image-csv.ts';

export type { ScanOptions } from './build-manifest.ts';

/**
 * @param path a folder with one sub-folder per class (perhaps below train/, val/ and test/), or a CSV file with the columns
 * file_name and label
 * @throws TapsError `dataset-invalid` or `not-found`
 */
export async function scanDataset(path: string, options: ScanOptions): Promise<DatasetManifest> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch(() => undefined);
  if (info === undefined) throw new TapsError('not-found', `There is no folder or CSV file at ${absolute}.`, 'Check the path.');
  const listing = info.isDirectory() ? await listImageFolder(absolute) : await listCsv(absolute);
  return buildManifest(listing, options);
}
