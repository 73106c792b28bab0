/** @file Use-cases: hand a task to another library as one file or as a folder, and take one in. */
import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord, TaskRecord } from '../contract/records.ts';
import type { MethodId } from '../contract/training.ts';
import { manifestHash } from '../data/build-manifest.ts';
import { packAdapter, unpackAdapter, type AdapterConfig, type AdapterFolder } from '../formats/adapter-folder.ts';
import { chooseDelta } from './choose-delta.ts';
import type { Library } from './open-library.ts';
import { namesPackedFile, withPackedTask, writePackedTask } from './packed-task-file.ts';

/**
 * Writes one learnt task: as one file where the name ends in .taps, else as a folder. Inverse: `unpackTask`.
 * @param method null: the task's current result
 * @param deltaId this very result, whatever its method
 * @throws TapsError `not-found`, `already-exists`, `library-damaged`, `disk-full`
 */
export async function packTask(library: Library, taskName: string, target: string, method: MethodId | null, deltaId?: string): Promise<{ path: string; config: AdapterConfig }> {
  const { task, base, delta } = chooseDelta(library, taskName, method, deltaId);
  const path = resolve(target);
  const options = { artifactBytes: await library.deltas.readBytes(delta), taskName: task.name, baseName: base.name, testAccuracy: delta.testAccuracy };
  const config = namesPackedFile(path) ? await writePackedTask(path, options) : await packAdapter(path, options);
  return { path, config };
}

/**
 * Adds the task of a file or folder made by `packTask`. Its base must be in the library: what was packed has only what differs.
 * @param name default: the name it was packed with
 * @throws TapsError `base-mismatch`, `already-exists`, `model-malformed`, `not-found`
 */
export async function unpackTask(library: Library, source: string, name: string | undefined): Promise<{ task: TaskRecord; delta: DeltaRecord }> {
  const path = resolve(source);
  const info = await stat(path).catch(() => undefined);
  if (info?.isFile() === true) return withPackedTask(library, path, async (folder) => addUnpacked(library, path, await unpackAdapter(folder, null), name));
  return addUnpacked(library, path, await unpackAdapter(path, null), name);
}

/** @param path where it came from, for people */
async function addUnpacked(library: Library, path: string, { config, artifact, artifactBytes }: AdapterFolder, name: string | undefined): Promise<{ task: TaskRecord; delta: DeltaRecord }> {
  const base = library.bases.list().find(({ id }) => id === config.base_sha256);
  if (base === undefined) {
    throw new TapsError('base-mismatch', `The task ${JSON.stringify(config.task_name)} belongs to the base ${JSON.stringify(config.base_model_name_or_path)} (${config.base_sha256.slice(0, 12)}…), which is not in this library.`, 'Import the very file it was learnt on: taps base import.', {
      details: { taskBase: config.base_sha256, baseName: config.base_model_name_or_path },
    });
  }
  // A task without pictures: it predicts and exports what it knows, but cannot be learnt again here.
  const dataset = library.datasets.add({
    version: 1,
    root: path,
    classes: artifact.classNames,
    images: [],
    quarantined: [],
    splitSource: { kind: 'folders' },
    hash: manifestHash(artifact.classNames, []),
    warnings: ['This task was packed elsewhere; its pictures are not here.'],
  });
  const task = library.tasks.add({ name: name ?? config.task_name, baseId: base.id, datasetId: dataset.id, classNames: artifact.classNames });
  try {
    const delta = await library.deltas.commit({ taskId: task.id, runId: null, artifact: artifactBytes, testAccuracy: config.test_accuracy });
    return { task: library.tasks.get(task.id), delta };
  } catch (error) {
    await library.tasks.remove(task.id);
    throw error;
  }
}
