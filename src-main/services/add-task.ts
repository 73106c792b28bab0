/** @file Use-case: a folder, CSV or zip of pictures becomes a task on a base. */
import type { DatasetManifest, QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { TaskRecord } from '../contract/records.ts';
import { manifestHash } from '../data/build-manifest.ts';
import { reviseManifest } from '../data/revise-manifest.ts';
import { scanDataset } from '../data/scan.ts';
import { checkName } from '../library/names.ts';
import { locateImages } from './locate-images.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

export interface AddTaskOptions {
  name: string;
  /** Name or id. */
  base: string;
  /** Folder with a sub-folder per class (perhaps below train/, val/, test/), a CSV with file_name and label, or a zip archive of either. */
  images: string;
  /** Of the drawn splits. */
  seed: number;
  /** Share of each class, 0..0.5, drawn where the folder has no such split. */
  validation: number;
  test: number;
  /** In bytes; total 0 while the archive is looked at. */
  onUnpacked?: CountProgress | undefined;
  onHashed?: CountProgress | undefined;
  onDecoded?: CountProgress | undefined;
  signal?: AbortSignal | undefined;
}

/**
 * Lists and hashes the pictures, decodes each once (so that an unreadable one is known now and not in the night),
 * then records dataset and task. Nothing is recorded when any of this fails.
 * @throws TapsError `dataset-invalid`, `not-found`, `already-exists`, `invalid-config`, `cancelled`, …
 */
export async function addTask(library: Library, options: AddTaskOptions): Promise<{ task: TaskRecord; manifest: DatasetManifest }> {
  const { seed, validation, test, onHashed, signal } = options;
  const base = library.bases.get(options.base);
  refuseTakenName(library, options.name);
  if (validation + test >= 1) throw new TapsError('invalid-config', `Validation ${validation} and test ${test} leave no pictures for training.`, 'Choose smaller shares, such as 0.15 each.');
  const { path, leftOut } = await locateImages(library, options.images, { onUnpacked: (_stage, done, total) => options.onUnpacked?.(done, total), signal });
  const scanned = await scanDataset(path, { seed, validation, test, ...(onHashed === undefined ? {} : { onProgress: onHashed }), ...(signal === undefined ? {} : { signal }) });
  const { quarantined } = await prepareDataset(library, scanned, base.preprocessing, { onProgress: options.onDecoded, signal });
  const readable = withoutUnreadable(scanned, quarantined);
  requireSplits(readable);
  const manifest = { ...readable, quarantined: byPath([...readable.quarantined, ...leftOut]) };
  const dataset = library.datasets.add(manifest);
  const task = library.tasks.add({ name: options.name, baseId: base.id, datasetId: dataset.id, classNames: manifest.classes });
  return { task, manifest };
}

export interface InspectedTask {
  name: string;
  baseId: string;
  /** Of pictures that have been looked through. */
  manifest: DatasetManifest;
  /** Paths of pictures that a person took out; those not in the manifest do not matter. */
  excluded: readonly string[];
}

/**
 * Records dataset and task of pictures that were inspected before; nothing is recorded when it throws.
 * @throws TapsError `dataset-invalid`, `already-exists`, `invalid-config`, `not-found`
 */
export function addInspectedTask(library: Library, { name, baseId, manifest: inspected, excluded }: InspectedTask): TaskRecord {
  const base = library.bases.get(baseId);
  checkName('task', name);
  refuseTakenName(library, name);
  const known = new Set(inspected.images.map(({ path }) => path));
  const changes = [...new Set(excluded)].filter((path) => known.has(path)).map((path) => ({ path, label: null }));
  const manifest = changes.length === 0 ? inspected : reviseManifest(inspected, changes);
  requireSplits(manifest);
  const dataset = library.datasets.add(manifest);
  return library.tasks.add({ name, baseId: base.id, datasetId: dataset.id, classNames: manifest.classes });
}

/** Before minutes of decoding, not after them. */
function refuseTakenName(library: Library, name: string): void {
  if (library.tasks.isNameTaken(name)) {
    throw new TapsError('already-exists', `The library has a task named ${JSON.stringify(name)} already.`, 'Choose another name, or remove that task first.');
  }
}

/** The manifest of what can be read. Its hash is that of the remaining pictures. */
export function withoutUnreadable(manifest: DatasetManifest, unreadable: readonly QuarantinedImage[]): DatasetManifest {
  if (unreadable.length === 0) return manifest;
  const paths = new Set(unreadable.map(({ path }) => path));
  const images = manifest.images.filter(({ path }) => !paths.has(path));
  const empty = manifest.classes.find((_name, label) => !images.some((image) => image.label === label));
  if (empty !== undefined) throw new TapsError('dataset-invalid', `The class ${empty} has no readable picture (${unreadable[0]?.path ?? ''}: ${unreadable[0]?.reason ?? ''}).`, `Put readable pictures into ${empty}/ or remove the folder.`);
  return { ...manifest, images, quarantined: byPath([...manifest.quarantined, ...unreadable]), hash: manifestHash(manifest.classes, images) };
}

function byPath(images: QuarantinedImage[]): QuarantinedImage[] {
  return images.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Selection needs validation pictures, the reported accuracy needs test pictures. */
function requireSplits({ images, root }: DatasetManifest): void {
  for (const split of ['train', 'validation', 'test'] as const) {
    if (!images.some((image) => image.split === split)) {
      throw new TapsError('dataset-invalid', `No picture of ${root} is in the ${split} split.`, 'Give more pictures per class, or larger --validation and --test shares.');
    }
  }
}
