/** @file Use-case: everything about pictures before they become a dataset. Nothing is recorded in the library. */
import type { FindTwinsResult } from '../codec/protocol.ts';
import type { DatasetManifest, Split } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { TwinGroup } from '../contract/studio/images.ts';
import { requireTrainingImages } from '../data/build-manifest.ts';
import { scanDataset } from '../data/scan.ts';
import { countPerClass, judgeTwins } from '../data/twins.ts';
import { similarWarnings, warningsOf } from '../data/warnings.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import { withoutUnreadable } from './add-task.ts';
import { locateImages } from './locate-images.ts';
import type { Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

export interface InspectOptions {
  /** Absolute: a folder with a sub-folder per class, a CSV with file_name and label, or a zip archive of either. */
  source: string;
  /** Of the base: pictures are compared as the network will see them, and are in its cache afterwards. */
  preprocessing: Preprocessing;
  /** Of the drawn splits. */
  seed: number;
  /** Share of each class, 0..0.5, drawn where the source has no such split. */
  validation: number;
  test: number;
  /** `total` 0 while unknown. */
  onProgress?: ((label: string, done: number, total: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export interface InspectedImages {
  /** Of the readable pictures. */
  manifest: DatasetManifest;
  /** Indices into `manifest.images`. */
  twins: TwinGroup[];
  /** In label order. */
  perClass: Record<Split, number>[];
  /** Of the files. */
  totalBytes: number;
}

/** @throws TapsError `dataset-invalid` when nothing can be learnt from it, `not-found`, `invalid-config`, `disk-full`, `cancelled`, … */
export async function inspectImages(library: Library, options: InspectOptions): Promise<InspectedImages> {
  const { preprocessing, validation, test, seed, onProgress, signal } = options;
  if (validation + test >= 1) throw new TapsError('invalid-config', `Validation ${String(validation)} and test ${String(test)} leave no pictures for training.`, 'Choose smaller shares, such as 0.15 each.');
  stopIfCancelled(signal);
  const label = { reading: 'Reading the archive', unpacking: 'Unpacking the archive' };
  const { path, leftOut } = await locateImages(library, options.source, { onUnpacked: (stage, done, total) => onProgress?.(label[stage], done, total), signal });
  const report = (label: string) => (done: number, total: number) => onProgress?.(label, done, total);
  const scanned = await scanDataset(path, { seed, validation, test, onProgress: report('Reading the pictures'), ...(signal === undefined ? {} : { signal }) });
  const { folder, quarantined } = await prepareDataset(library, scanned, preprocessing, { onProgress: report('Decoding the pictures'), signal });
  const readable = withoutUnreadable(scanned, quarantined);
  requireTrainingImages(readable.classes, readable.images);
  const { groups } = (await withRequestChild('codec', (child) =>
    child.request('findTwins', { preparedFolder: folder }, { onProgress: report('Comparing the pictures'), ...(signal === undefined ? {} : { signal }) }),
  )) as FindTwinsResult;
  stopIfCancelled(signal);
  const { images, classes } = readable;
  const twins = judgeTwins(images, groups);
  const allLeftOut = [...readable.quarantined, ...leftOut].sort((a, b) => (a.path < b.path ? -1 : 1));
  return {
    manifest: { ...readable, quarantined: allLeftOut, warnings: [...similarWarnings(readable, twins), ...warningsOf(images, classes, allLeftOut)] },
    twins,
    perClass: countPerClass(images, classes.length),
    totalBytes: images.reduce((sum, { bytes }) => sum + bytes, 0),
  };
}

function stopIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new TapsError('cancelled', 'Looking at the pictures was cancelled.', 'Choose them again when you are ready.');
}
