/**
 * @file From the library into the shared folder: what each job is to do, and every file it needs. A job needs no library and no
 * database, and finds its base and its decoded pictures by their hashes.
 */
import { copyFile, constants, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { basename, dirname, join } from 'node:path';
import { FILES, FOLDERS, pictureSetSchema, type Batch, type ClusterJob, type PictureSet } from '../../cluster/folder.ts';
import type { QuarantinedImage } from '../../contract/dataset.ts';
import { TapsError } from '../../contract/errors.ts';
import type { Preprocessing } from '../../contract/preprocessing.ts';
import type { BaseRecord, BlobRef } from '../../contract/records.ts';
import type { SweepEntryRecord } from '../../contract/sweep.ts';
import { readPreparedIndex } from '../../data/prepared-set.ts';
import { sha256OfBytes, sha256OfFile } from '../../platform/hash.ts';
import { requireSpace } from '../../platform/require-space.ts';
import { storageError } from '../../platform/storage-error.ts';
import type { CountProgress, Library } from '../open-library.ts';
import { prepareDataset } from '../prepare-images.ts';
import type { ClusterFolder } from './cluster-folder.ts';
import { readSealed, writeSealed } from './sealed.ts';

export interface ExportOptions {
  onDecoded?: CountProgress | undefined;
  onUnreadable?: ((task: string, images: QuarantinedImage[]) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** What determines a result; two jobs with the same key end with the same bytes. */
export function keyOf({ config, classNames, preprocessing, base, datasetHash }: Pick<ClusterJob, 'config' | 'classNames' | 'preprocessing' | 'base' | 'datasetHash'>): string {
  return sha256OfBytes(JSON.stringify([config, classNames, preprocessing, base.baseId, datasetHash]));
}

/**
 * What a job of the sweep is to do, by what the library holds now.
 * @param hashes of datasets by id, filled in: a manifest of many pictures takes a while to read
 * @throws TapsError `not-found`
 */
export function describeJob(library: Library, entry: SweepEntryRecord, batch: Pick<Batch, 'batchId' | 'program'>, pictures: string, hashes: Map<string, string>): ClusterJob {
  const task = library.tasks.get(entry.taskId);
  const base = library.bases.get(task.baseId);
  const datasetId = datasetIdOf(library, entry);
  const datasetHash = hashes.get(datasetId) ?? library.datasets.get(datasetId).manifest.hash;
  hashes.set(datasetId, datasetHash);
  const facts = {
    config: entry.config,
    classNames: task.classNames,
    preprocessing: base.preprocessing,
    base: { baseId: base.id, graph: base.graph, weights: base.weights },
    datasetHash,
  };
  return { version: 1, batchId: batch.batchId, position: entry.position, key: keyOf(facts), program: batch.program, task: task.name, setting: entry.setting, ...facts, pictures };
}

/** The version that the run was made for, else the task's. */
function datasetIdOf(library: Library, { runId, taskId }: SweepEntryRecord): string {
  return (runId === null ? null : library.runs.head(runId).datasetId) ?? library.tasks.get(taskId).datasetId;
}

/**
 * Writes what these jobs need. What is there and whole stays; what is damaged is written anew; what earlier attempts left of a result
 * is removed, their checkpoints stay.
 * @throws TapsError `dataset-changed`, `dataset-invalid`, `disk-full`, `io-failed`, `cancelled`
 */
export async function exportJobs(library: Library, folder: ClusterFolder, batch: Batch, entries: readonly SweepEntryRecord[], options: ExportOptions): Promise<void> {
  const sets = new Map<string, string>();
  const bases = new Set<string>();
  const hashes = new Map<string, string>();
  for (const entry of entries) {
    const task = library.tasks.get(entry.taskId);
    const base = library.bases.get(task.baseId);
    if (!bases.has(base.id)) {
      bases.add(base.id);
      await exportBase(library, folder, base);
    }
    const preprocessing = { ...base.preprocessing, imageSize: entry.config.imageSize ?? base.preprocessing.imageSize };
    const datasetId = datasetIdOf(library, entry);
    const name = sha256OfBytes(JSON.stringify([datasetId, preprocessing.imageSize, preprocessing.resize]));
    let pictures = sets.get(name);
    if (pictures === undefined) {
      pictures = await exportPictures(library, folder, task.name, datasetId, preprocessing, options);
      sets.set(name, pictures);
    }
    const result = join(folder.jobFolder(entry.position), FOLDERS.result);
    await rm(result, { recursive: true, force: true }).catch((error: unknown) => {
      throw storageError(error, 'remove', result);
    });
    await folder.writeJob(describeJob(library, entry, batch, pictures, hashes));
  }
}

async function exportBase(library: Library, folder: ClusterFolder, base: BaseRecord): Promise<void> {
  const { graphPath, weightsPath } = library.bases.files(base);
  requireSpace(folder.path, base.graph.bytes + base.weights.bytes, `The base ${base.name}`);
  await exportBlob(folder, graphPath, base.graph);
  await exportBlob(folder, weightsPath, base.weights);
}

async function exportBlob(folder: ClusterFolder, from: string, { sha256 }: BlobRef): Promise<void> {
  const target = folder.at(FOLDERS.inputs, sha256);
  if ((await hashOf(target)) === sha256) return;
  const temporary = `${target}.${randomUUID()}.partial`;
  try {
    await copyFile(from, temporary, constants.COPYFILE_FICLONE);
    const copied = await sha256OfFile(temporary);
    if (copied !== sha256) throw new TapsError('library-damaged', `The stored file ${from} has changed since it was written.`, 'Run `taps library verify`; restore that file from a backup.');
    await rename(temporary, target);
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError(error, 'write', target);
  }
}

/** Returns the name of the set. */
async function exportPictures(library: Library, folder: ClusterFolder, task: string, datasetId: string, preprocessing: Preprocessing, { onDecoded, onUnreadable, signal }: ExportOptions): Promise<string> {
  const { manifest } = library.datasets.get(datasetId);
  if (manifest.images.length === 0) throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task)} came from an adapter folder and has no pictures to learn from.`, 'Add a task with pictures of your own: taps task add.');
  const prepared = await prepareDataset(library, manifest, preprocessing, { onProgress: onDecoded, signal });
  if (prepared.quarantined.length > 0) onUnreadable?.(task, prepared.quarantined);
  const index = readPreparedIndex(prepared.folder);
  const size = basename(index.cache);
  const name = sha256OfBytes(JSON.stringify([manifest.hash, size]));
  const path = folder.at(FOLDERS.pictures, FOLDERS.sets, `${name}.json`);
  // One that is damaged counts as none.
  const known = await readSealed(path, 'pictures', pictureSetSchema).catch(() => null);
  const expected = new Map(known?.images.map(({ file, sha256 }) => [file, sha256]));
  requireSpace(folder.path, index.images.reduce((sum, { file, width, height }) => sum + (expected.has(file) ? 0 : width * height * 3), 0), `The pictures of ${task}`);
  const images: PictureSet['images'] = [];
  for (const image of index.images) {
    if (signal?.aborted === true) throw new TapsError('cancelled', 'Writing the pictures was cancelled.', 'Give the same command again; what is written stays.');
    const target = folder.at(FOLDERS.pictures, size, image.file);
    const there = expected.get(image.file);
    const sha256 = there !== undefined && (await hashOf(target)) === there ? there : await copyPicture(join(index.cache, image.file), target);
    images.push({ ...image, sha256 });
  }
  await writeSealed(path, 'pictures', { version: 1, size, images } satisfies PictureSet);
  return name;
}

/** Not flushed one by one: jobs compare the hash, and a lost file is written again by the next submission. */
async function copyPicture(from: string, target: string): Promise<string> {
  const temporary = `${target}.${randomUUID()}.partial`;
  try {
    const bytes = await readFile(from);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(temporary, bytes);
    await rename(temporary, target);
    return sha256OfBytes(bytes);
  } catch (error) {
    await rm(temporary, { force: true });
    throw storageError(error, 'write the picture', target);
  }
}

/** null when there is no such file. */
async function hashOf(path: string): Promise<string | null> {
  return sha256OfFile(path).catch(() => null);
}

/** What remains of the failures of earlier attempts would be taken for news. */
export async function forgetNews(folder: ClusterFolder, positions: readonly number[]): Promise<void> {
  for (const position of positions) {
    for (const file of [FILES.failure, FILES.progress]) await rm(join(folder.jobFolder(position), file), { force: true }).catch(() => undefined);
  }
}
