/** @file Listing → manifest: hashes, splits, checks and the dataset's own hash. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DatasetImage, DatasetManifest, Split } from '../contract/dataset.ts';
import { splitClass } from '../core/split.ts';
import { sha256OfBytes, sha256OfFile } from '../platform/hash.ts';
import type { Listing } from './listing.ts';

export interface ScanOptions {
  /** Of the drawn splits. */
  seed: number;
  /** Share of each class for validation where none is given. 0..0.5. */
  validation: number;
  /** Share of each class for the test where none is given. 0..0.5. */
  test: number;
  onProgress?: (done: number, total: number) => void;
  signal?: AbortSignal;
}

/** Below this a class is too small for its accuracy to mean much. */
const FEW_IMAGES = 16;

export async function buildManifest(listing: Listing, options: ScanOptions): Promise<DatasetManifest> {
  requireClasses(listing);
  const images: DatasetImage[] = [];
  const given: (Split | undefined)[] = [];
  for (const [index, image] of listing.images.entries()) {
    if (options.signal?.aborted === true) throw new TapsError('cancelled', 'Reading the images was cancelled.', 'Add the task again to start over.');
    const path = join(listing.root, image.path);
    images.push({ path: image.path, sha256: await sha256OfFile(path), bytes: (await stat(path)).size, label: listing.classes.indexOf(image.className), split: 'train' });
    given.push(image.split);
    options.onProgress?.(index + 1, listing.images.length);
  }
  const splitSource = assignSplits(images, given, listing.classes.length, options);
  images.sort((a, b) => (a.path < b.path ? -1 : a.path > b.path ? 1 : 0));
  return {
    version: 1,
    root: listing.root,
    classes: listing.classes,
    images,
    quarantined: listing.quarantined,
    splitSource,
    hash: manifestHash(listing.classes, images),
    warnings: warningsOf(images, listing),
  };
}

function requireClasses({ classes, images, root }: Listing): void {
  if (images.length === 0) throw new TapsError('dataset-invalid', `There are no pictures in ${root}.`, 'Use JPEG, PNG, WebP, GIF, TIFF or AVIF files, a folder per class.');
  const empty = classes.find((name) => !images.some((image) => image.className === name));
  if (empty !== undefined) throw new TapsError('dataset-invalid', `The class ${empty} has no pictures.`, `Put pictures into ${empty}/ or remove the folder.`);
  if (classes.length < 2) throw new TapsError('dataset-invalid', `There is only one class, ${classes[0] ?? ''}.`, 'Give at least two folders with pictures.');
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

function warningsOf(images: readonly DatasetImage[], { classes, quarantined }: Listing): string[] {
  const warnings: string[] = [];
  const byHash = Map.groupBy(images, (image) => image.sha256);
  const twins = [...byHash.values()].filter((group) => group.length > 1);
  const leaks = twins.filter((group) => new Set(group.map((image) => image.split)).size > 1);
  const conflicts = twins.filter((group) => new Set(group.map((image) => image.label)).size > 1);
  const example = (groups: (readonly DatasetImage[])[]): string => groups[0]?.map((image) => image.path).slice(0, 2).join(' = ') ?? '';
  if (conflicts.length > 0) warnings.push(`${String(conflicts.length)} picture(s) are in two classes: ${example(conflicts)}`);
  if (leaks.length > 0) warnings.push(`${String(leaks.length)} picture(s) are in two splits, so test results will be too good: ${example(leaks)}`);
  else if (twins.length > 0) warnings.push(`${String(twins.length)} picture(s) occur more than once: ${example(twins)}`);
  const counts = classes.map((_, label) => images.filter((image) => image.label === label).length);
  const few = classes.filter((_, label) => (counts[label] ?? 0) < FEW_IMAGES);
  if (few.length > 0) warnings.push(`fewer than ${String(FEW_IMAGES)} pictures in ${few.slice(0, 5).join(', ')}${few.length > 5 ? ` and ${String(few.length - 5)} more` : ''}`);
  if (Math.max(...counts) > 10 * Math.min(...counts)) warnings.push(`classes are very unequal: ${String(Math.min(...counts))} to ${String(Math.max(...counts))} pictures`);
  if (quarantined.length > 0) warnings.push(`${String(quarantined.length)} file(s) left out, for example ${quarantined[0]?.path ?? ''}: ${quarantined[0]?.reason ?? ''}`);
  return warnings;
}
