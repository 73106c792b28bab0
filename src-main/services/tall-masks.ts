/** @file Use-case: what several tasks of one base would take and be worth with TALL masks. Real files, evaluated from what is written. */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord } from '../contract/records.ts';
import type { TallJob, TallReport, TallTask } from '../contract/tall.ts';
import type { MethodId, TrainConfig } from '../contract/training.ts';
import { storageError } from '../platform/storage-error.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { chooseDelta, type ChosenDelta } from './choose-delta.ts';
import { fullCopyBytes } from './compare-tasks.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

export interface TallMasksOptions {
  /** Names or ids, at least two, all on one base. */
  tasks: readonly string[];
  /** Results of this method. */
  method: MethodId;
  /** Empty or new folder that keeps the files; null: they are measured and removed. */
  out: string | null;
  engine: TrainConfig['engine'];
  threads: number;
  onDecoded?: CountProgress | undefined;
  signal?: AbortSignal | undefined;
}

export interface TallMasksOutcome extends Omit<TallReport, 'tasks'> {
  method: MethodId;
  /** Graph and weights of the base, which is needed as well. */
  baseBytes: number;
  tasks: (TallTask & { testAccuracyBefore: number | null; bytesBefore: number; fullCopyBytes: number })[];
}

/** @throws TapsError `usage`, `not-found`, `base-mismatch`, `already-exists`, `dataset-changed`, `cancelled`, … */
export async function tallMasks(library: Library, options: TallMasksOptions): Promise<TallMasksOutcome> {
  const all = options.tasks.map((name) => learnt(library, name, options.method));
  const [first] = all;
  if (first === undefined || all.length < 2 || new Set(all.map(({ task }) => task.id)).size < all.length) throw new TapsError('usage', `TALL masks share one vector among tasks; ${String(all.length)} ${all.length === 1 ? 'was' : 'were'} named.`, 'Name at least two different tasks of one base.');
  const stranger = all.find(({ base }) => base.id !== first.base.id);
  if (stranger !== undefined) throw new TapsError('base-mismatch', `${JSON.stringify(stranger.task.name)} was learnt on ${JSON.stringify(stranger.base.name)}, ${JSON.stringify(first.task.name)} on ${JSON.stringify(first.base.name)}.`, 'Name tasks of one base.');
  const tasks: TallJob['tasks'] = [];
  for (const { task, delta } of all) tasks.push({ name: task.name, artifactPath: library.deltas.path(delta), preparedFolder: await prepared(library, delta, task.datasetId, options) });
  const outputFolder = await emptyFolder(options.out);
  const trainer = new TrainerClient();
  try {
    const { report } = await trainer.tall({ base: library.bases.files(first.base), tasks, outputFolder, engine: options.engine, threads: options.threads }, options.signal);
    return {
      ...report,
      method: options.method,
      baseBytes: first.base.graph.bytes + first.base.weights.bytes,
      tasks: report.tasks.map((task, position) => {
        const { base, delta, task: { classNames } } = all[position] ?? first;
        return { ...task, testAccuracyBefore: delta.testAccuracy, bytesBefore: delta.blob.bytes, fullCopyBytes: fullCopyBytes(base, classNames.length) };
      }),
    };
  } finally {
    await trainer.stop();
    if (options.out === null) await rm(outputFolder, { recursive: true, force: true });
  }
}

/** The newest result as it was learnt, not a smaller form of it. */
function learnt(library: Library, taskName: string, method: MethodId): ChosenDelta {
  const chosen = chooseDelta(library, taskName, method);
  return chosen.delta.derivedFrom === null ? chosen : { ...chosen, delta: library.deltas.get(chosen.delta.derivedFrom) };
}

async function prepared(library: Library, delta: DeltaRecord, datasetId: string, options: TallMasksOptions): Promise<string> {
  const { preprocessing } = await library.deltas.read(delta);
  const learntFrom = delta.runId === null ? null : library.runs.get(delta.runId).datasetId;
  const { manifest } = library.datasets.get(learntFrom ?? datasetId);
  const { folder } = await prepareDataset(library, manifest, preprocessing, { onProgress: options.onDecoded, signal: options.signal });
  return folder;
}

async function emptyFolder(out: string | null): Promise<string> {
  if (out === null) return mkdtemp(join(tmpdir(), 'taps-tall-'));
  const folder = resolve(out);
  try {
    await mkdir(folder, { recursive: true });
    if ((await readdir(folder)).length > 0) throw new TapsError('already-exists', `${folder} is not empty.`, 'Give a new folder.');
    return folder;
  } catch (error) {
    throw storageError(error, 'make the folder', folder);
  }
}
