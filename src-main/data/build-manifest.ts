/** @file Listing → manifest: hashes, splits, checks and the dataset's own hash. */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DatasetImage, DatasetManifest, QuarantinedImage, Split } from '../contract/dataset.ts';
import { splitClass } from '../core/split.ts';
import { sha256OfBytes, sha256OfFile } from '../platform/hash.ts';
import { storageError } from '../platform/storage-error.ts';
import { stopIfCancelled, type ListedImage, type Listing } from './listing.ts';
import { warningsOf } from './warnings.ts';

export interface ScanOptions {
  /** Of the drawn splits. */
  seed: number;
  /** Share of each class for validation where none is given. 0..0.5. */
  validation: number;
  /** Share of each class for the test where none is given. 0..0.5. */
  test: number;
  /** `total` 0 while files are being listed and nobody knows how many there are. */
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Up to here a file is read at once: for small files a stream costs more than the reading. */
const WHOLE_BYTES = 4 * 1024 * 1024;

/** Files are hashed this many at a time: the disk, not the processor, is waited for. */
const PARALLEL = 8;

/** @throws TapsError `dataset-invalid` when nothing can be learnt from it, `cancelled` */
export async function buildManifest(listing: Listing, options: ScanOptions): Promise<DatasetManifest> {
  requireClasses(listing);
  // Sorted first, so that nothing depends on the order of a file system or of a CSV's rows.
  const listed = listing.images.toSorted(byPath);
  const files = await hashFiles(listing.root, listed, options);
  const labels = new Map(listing.classes.map((name, label) => [name, label]));
  const images: DatasetImage[] = [];
  const given: (Split | undefined)[] = [];
  const quarantined = [...listing.quarantined];
  listed.forEach(({ path, className, split }, index) => {
    const file = files[index] ?? { reason: 'not read' };
    if ('reason' in file) quarantined.push({ path, reason: file.reason });
    else {
      images.push({ path, ...file, label: labels.get(className) ?? -1, split: 'train' });
      given.push(split);
    }
  });
  requireReadable(listing, images, quarantined);
  const splitSource = assignSplits(images, given, listing.classes.length, options);
  requireTrainingImages(listing.classes, images);
  quarantined.sort(byPath);
  return {
    version: 1,
    root: listing.root,
    classes: listing.classes,
    images,
    quarantined,
    splitSource,
    hash: manifestHash(listing.classes, images),
    warnings: warningsOf(images, listing.classes, quarantined),
  };
}

function byPath(a: { path: string }, b: { path: string }): number {
  return a.path < b.path ? -1 : a.path > b.path ? 1 : 0;
}

type HashedFile = Pick<DatasetImage, 'sha256' | 'bytes'> | { reason: string };

/** In the order of `images`. A file that cannot be read has a reason instead of a hash. */
async function hashFiles(root: string, images: readonly ListedImage[], { signal, onProgress }: ScanOptions): Promise<HashedFile[]> {
  const files = new Array<HashedFile>(images.length);
  let next = 0;
  let done = 0;
  const work = async (): Promise<void> => {
    for (let index = next++; index < images.length; index = next++) {
      stopIfCancelled(signal);
      files[index] = await hashFile(join(root, images[index]?.path ?? ''));
      onProgress?.(++done, images.length);
    }
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  return files;
}

async function hashFile(path: string): Promise<HashedFile> {
  try {
    const { size } = await stat(path);
    if (size === 0) return { reason: 'the file is empty' };
    return { sha256: size <= WHOLE_BYTES ? sha256OfBytes(await readFile(path)) : await sha256OfFile(path), bytes: size };
  } catch (error) {
    return { reason: storageError(error, 'read', path).message };
  }
}

function requireClasses({ classes, images, root }: Listing): void {
  if (images.length === 0) throw new TapsError('dataset-invalid', `There are no pictures in ${root}.`, 'Use JPEG, PNG, WebP, GIF, TIFF or AVIF files, a folder per class.');
  const present = new Set(images.map((image) => image.className));
  const empty = classes.find((name) => !present.has(name));
  if (empty !== undefined) throw new TapsError('dataset-invalid', `The class ${empty} has no pictures.`, `Put pictures into ${empty}/ or remove the folder.`);
  if (classes.length < 2) throw new TapsError('dataset-invalid', `There is only one class, ${classes[0] ?? ''}.`, 'Give at least two folders with pictures.');
}

function requireReadable({ classes, root }: Listing, images: readonly DatasetImage[], quarantined: readonly QuarantinedImage[]): void {
  const first = quarantined[0];
  const example = first === undefined ? '' : ` (${first.path}: ${first.reason})`;
  if (images.length === 0) throw new TapsError('dataset-invalid', `None of the pictures in ${root} can be read${example}.`, 'Check who may read the files.');
  const labels = new Set(images.map(({ label }) => label));
  const empty = classes.find((_, label) => !labels.has(label));
  if (empty !== undefined) throw new TapsError('dataset-invalid', `The class ${empty} has no readable picture${example}.`, `Put readable pictures into ${empty} or remove the class.`);
}

/** A class that is only tested cannot be learnt. @throws TapsError `dataset-invalid` */
export function requireTrainingImages(classes: readonly string[], images: readonly DatasetImage[]): void {
  const learnt = new Set(images.filter(({ split }) => split === 'train').map(({ label }) => label));
  const untaught = classes.find((_, label) => !learnt.has(label));
  if (untaught !== undefined) throw new TapsError('dataset-invalid', `The class ${untaught} has no picture for training.`, `Put some of its pictures into the train split, or remove the class.`);
}

/** Draws what is not given: everything, or validation (and test) out of the training images. */
function assignSplits(images: DatasetImage[], given: (Split | undefined)[], classes: number, options: ScanOptions): DatasetManifest['splitSource'] {
  const present = new Set(given);
  const shares = { validation: present.has('validation') ? 0 : options.validation, test: present.has('test') ? 0 : options.test };
  for (let label = 0; label < classes; label++) {
    const open: DatasetImage[] = [];
    images.forEach((image, index) => {
      if (image.label !== label) return;
      const split = given[index];
      if (split === undefined || split === 'train') open.push(image);
      else image.split = split;
    });
    const drawn = splitClass(open.map((image) => image.sha256), label, options.seed, shares);
    open.forEach((image, index) => {
      image.split = drawn[index] ?? 'train';
    });
  }
  if (shares.validation === 0 && shares.test === 0) return { kind: 'folders' };
  return { kind: 'seeded', seed: options.seed, ...shares };
}

/** Identifies the dataset version: classes, contents, labels and splits, wherever the files lie. */
export function manifestHash(classes: readonly string[], images: readonly DatasetImage[]): string {
  const lines = images.map(({ sha256, label, split }) => `${sha256} ${String(label)} ${split}`).sort();
  return sha256OfBytes(JSON.stringify([classes, lines]));
}
