/** @file Use-case: one merged ONNX file of a task or of several, published only after a fresh process got the library's answers out of it. */
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { Preprocessing } from '../contract/preprocessing.ts';
import type { MethodId, TrainConfig } from '../contract/training.ts';
import { openPreparedSet } from '../data/prepared-set.ts';
import type { ExportRequest, ExportResult, ParityRequest, ParityResult } from '../model-io/protocol.ts';
import { PARTIAL_SUFFIX } from '../platform/atomic-file.ts';
import { requireSpace } from '../platform/require-space.ts';
import { storageError } from '../platform/storage-error.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { chooseDelta, chooseDeltas, type ChosenDelta } from './choose-delta.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';

/** Largest difference of a logit that counts as the same answer (float32, another order of summation). */
export const PARITY_MAX_LOGIT_DIFFERENCE = 1e-4;

export interface ExportTaskOptions {
  task: string;
  /** null: the task's current result. */
  method: MethodId | null;
  /** This very result, whatever its method. */
  deltaId?: string | null | undefined;
  out: string;
  /** Replace an existing file. */
  overwrite: boolean;
  /** For the library's own answer. */
  engine: TrainConfig['engine'];
  threads: number;
  onDecoded?: CountProgress | undefined;
  /** What begins now: decoding test pictures, writing the file, or comparing its answers with the library's. */
  onStage?: ((stage: ExportStage) => void) | undefined;
  signal?: AbortSignal | undefined;
}

export type ExportStage = 'decoding' | 'writing' | 'proving';

export interface ExportOutcome {
  task: string;
  deltaId: string;
  method: MethodId;
  /** Absolute. */
  path: string;
  bytes: number;
  parity: ParityResult;
}

/** Several tasks in one file. */
export interface ExportTasksOptions extends Omit<ExportTaskOptions, 'task' | 'deltaId'> {
  /** Names or ids; all on one base. */
  tasks: readonly string[];
}

export interface ExportTasksOutcome {
  /** Absolute. */
  path: string;
  bytes: number;
  /** Operators of all tasks separately, and of the file, which computes what is common once. */
  nodes: ExportResult['nodes'];
  /** null for one task. */
  sharing: ExportResult['sharing'];
  tasks: { task: string; output: string; deltaId: string; method: MethodId; parity: ParityResult }[];
}

/**
 * The file appears complete and proven, or not at all.
 * @throws TapsError `parity-failed`, `already-exists`, `dataset-changed`, `not-found`, `disk-full`, …
 */
export async function exportTask(library: Library, options: ExportTaskOptions): Promise<ExportOutcome> {
  const chosen = chooseDelta(library, options.task, options.method, options.deltaId ?? null);
  const { path, bytes, tasks } = await publish(library, [chosen], options);
  const [only] = tasks;
  if (only === undefined) throw new TapsError('internal', 'Nothing was exported.', '');
  const { task, deltaId, method, parity } = only;
  return { task, deltaId, method, path, bytes, parity };
}

/**
 * One file with an output `logits.<task>` for every task; each is proven on its own test pictures.
 * @throws TapsError as `exportTask`; `base-mismatch` and `invalid-config` for tasks that do not go together
 */
export async function exportTasks(library: Library, options: ExportTasksOptions): Promise<ExportTasksOutcome> {
  return publish(library, chooseDeltas(library, options.tasks, options.method), options);
}

interface Proof {
  chosen: ChosenDelta;
  preprocessing: Preprocessing;
  preparedFolder: string;
  indices: number[];
}

/** What a task's part of the file will be compared on. */
async function prepareProof(library: Library, chosen: ChosenDelta, { onDecoded, signal }: Pick<ExportTaskOptions, 'onDecoded' | 'signal'>): Promise<Proof> {
  const { task, delta } = chosen;
  const { preprocessing } = await library.deltas.read(delta);
  const { manifest } = library.datasets.get(task.datasetId);
  if (manifest.images.length === 0) throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task.name)} came from an adapter folder without pictures, so an export cannot be proven.`, 'Add the pictures as a task of their own, or export where the task was learnt.');
  const prepared = await prepareDataset(library, manifest, preprocessing, { onProgress: onDecoded, signal });
  return { chosen, preprocessing, preparedFolder: prepared.folder, indices: openPreparedSet(prepared.folder).indicesOf('test') };
}

async function publish(library: Library, all: readonly ChosenDelta[], options: Omit<ExportTaskOptions, 'task'>): Promise<ExportTasksOutcome> {
  const [first] = all;
  if (first === undefined) throw new TapsError('usage', 'No task was named.', 'Name the task to export.');
  const path = resolve(options.out);
  await refuseTarget(path, options.overwrite);
  requireSpace(dirname(path), first.base.graph.bytes + all.length * first.base.weights.bytes, `Exporting ${all.map(({ task }) => task.name).join(', ')}`);
  options.onStage?.('decoding');
  const proofs: Proof[] = [];
  for (const chosen of all) proofs.push(await prepareProof(library, chosen, options));
  const base = library.bases.files(first.base);
  const partialPath = `${path}.${process.pid}${PARTIAL_SUFFIX}`;
  const withSignal = options.signal === undefined ? {} : { signal: options.signal };
  try {
    await mkdir(dirname(path), { recursive: true });
    options.onStage?.('writing');
    const exportRequest: ExportRequest = { base, tasks: all.map(({ task, delta }) => ({ name: task.name, artifactPath: library.deltas.path(delta) })), partialPath };
    const { bytes, nodes, outputs, sharing } = (await withRequestChild('model-io', (child) => child.request('export', exportRequest, withSignal))) as ExportResult;
    options.onStage?.('proving');
    const tasks: ExportTasksOutcome['tasks'] = [];
    for (const [index, { chosen: { task, delta }, preparedFolder, indices, preprocessing }] of proofs.entries()) {
      const output = outputs[index] ?? '';
      const expected = await ownLogits({ base, artifactPath: library.deltas.path(delta), preparedFolder, indices, engine: options.engine, threads: options.threads }, options.signal);
      const parityRequest: ParityRequest = { onnxPath: partialPath, output, preparedFolder, indices, preprocessing, expected };
      const parity = (await withRequestChild('model-io', (child) => child.request('parity', parityRequest, withSignal))) as ParityResult;
      requireParity(parity);
      tasks.push({ task: task.name, output, deltaId: delta.id, method: delta.method, parity });
    }
    await rename(partialPath, path);
    return { path, bytes, nodes, sharing, tasks };
  } catch (error) {
    throw storageError(error, 'write', path);
  } finally {
    await rm(partialPath, { force: true });
  }
}

async function refuseTarget(path: string, overwrite: boolean): Promise<void> {
  const existing = await stat(path).catch(() => undefined);
  if (existing === undefined) return;
  if (existing.isDirectory()) throw new TapsError('usage', `${path} is a folder.`, 'Give a file name that ends in .onnx.');
  if (!overwrite) throw new TapsError('already-exists', `${path} exists already.`, 'Choose another name, or replace it with --overwrite.');
}

async function ownLogits(job: Parameters<TrainerClient['predict']>[0], signal: AbortSignal | undefined): Promise<Float32Array> {
  const trainer = new TrainerClient();
  try {
    return (await trainer.predict(job, signal)).logits;
  } finally {
    await trainer.stop();
  }
}

/** NaN fails both comparisons. */
function requireParity(parity: ParityResult): void {
  if (parity.maxAbsLogitDiff <= PARITY_MAX_LOGIT_DIFFERENCE && parity.top1Agreement === 1) return;
  throw new TapsError(
    'parity-failed',
    `The exported model answers differently: largest logit difference ${parity.maxAbsLogitDiff.toExponential(2)} (allowed ${PARITY_MAX_LOGIT_DIFFERENCE}), same first class for ${(parity.top1Agreement * 100).toFixed(2)} % of ${parity.images} pictures.`,
    'Nothing was written. Please report it with the base and the task.',
    { details: { ...parity } },
  );
}
