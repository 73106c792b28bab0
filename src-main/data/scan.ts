/** @file Image folders and CSV files → manifest. Reads names and hashes only; whether a file is a picture is found out by the decoder. */
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DatasetManifest } from '../contract/dataset.ts';
import { buildManifest, type ScanOptions } from './build-manifest.ts';
import { listImageFolder } from './image-folder.ts';
import type { Listing, ListingOptions } from './listing.ts';
import { isImageCsv, listCsv } from './image-csv.ts';

export type { ScanOptions } from './build-manifest.ts';

/**
 * @param path a folder with one sub-folder per class (perhaps below train/, val/ and test/), a CSV file with the columns
 * file_name and label, or a folder with such a file named metadata.csv
 * @throws TapsError `dataset-invalid`, `not-found`, `io-failed` or `cancelled`
 */
export async function scanDataset(path: string, options: ScanOptions): Promise<DatasetManifest> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch(() => undefined);
  if (info === undefined) throw new TapsError('not-found', `There is no folder or CSV file at ${absolute}.`, 'Check the path.');
  const listing = await list(absolute, info.isDirectory(), { onListed: (files) => options.onProgress?.(files, 0), signal: options.signal });
  return buildManifest(listing, options);
}

async function list(path: string, isFolder: boolean, options: ListingOptions): Promise<Listing> {
  if (!isFolder) return listCsv(path, options);
  const table = join(path, 'metadata.csv');
  return (await isImageCsv(table)) ? listCsv(table, options) : listImageFolder(path, options);
}
