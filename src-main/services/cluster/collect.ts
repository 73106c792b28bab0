/** @file Results of jobs → library, with the guarantees of runs here: hashes compared, blobs first, then one transaction per run. */
import { createReadStream } from 'node:fs';
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { FOLDERS, type ResultPackage } from '../../cluster/folder.ts';
import { envelopeOf, TapsError, type ErrorEnvelope } from '../../contract/errors.ts';
import type { DeltaRecord } from '../../contract/records.ts';
import type { SweepEntryRecord } from '../../contract/sweep.ts';
import { stageFile } from '../../platform/atomic-file.ts';
import { storageError } from '../../platform/storage-error.ts';
import type { Library } from '../open-library.ts';
import { requireBatch, type ClusterFolder, type ClusterView } from './cluster-folder.ts';
import { describeJob } from './export-jobs.ts';

export interface Collected {
  /** Positions whose results are now in the library and were not before. */
  taken: number[];
  /** Results that were there and were not taken, and why. */
  refused: { position: number; error: ErrorEnvelope }[];
}

/** Failures that are of this machine, not of one result. */
const FATAL: readonly string[] = ['disk-full', 'library-damaged', 'library-locked'];
const AGAIN = 'Give the same command again: that job is sent again.';

/**
 * Takes in every finished result of a sweep that the library lacks, and records why others failed. Called again it changes nothing.
 * @param view what was seen of the jobs; those that are in the library already need not be in it
 * @throws TapsError `run-incompatible` for a folder of another sweep; `disk-full`, `library-damaged`, `cluster-failed`
 */
export async function collectResults(library: Library, sweepId: string, folder: ClusterFolder, view: ClusterView): Promise<Collected> {
  const batch = await requireBatch(folder, sweepId);
  const seen = new Map(view.jobs.map((job) => [job.position, job]));
  const outcome: Collected = { taken: [], refused: [] };
  const hashes = new Map<string, string>();
  for (const entry of library.sweeps.get(sweepId).entries) {
    const job = seen.get(entry.position);
    // A run that a person has removed does not come back by itself.
    if (job === undefined || entry.runId === null) continue;
    if (job.state === 'finished') {
      try {
        if (await takeResult(library, sweepId, folder, entry, batch, hashes)) outcome.taken.push(entry.position);
      } catch (error) {
        const envelope = envelopeOf(error);
        if (FATAL.includes(envelope.code) || envelope.code === 'internal') throw error;
        outcome.refused.push({ position: entry.position, error: envelope });
        recordFailure(library, sweepId, entry, envelope);
      }
    } else if (job.state === 'failed' && job.failure !== null) recordFailure(library, sweepId, entry, job.failure);
  }
  // As the folder of a run here goes when its result is stored: the blobs are the only copy.
  if (outcome.taken.length > 0 && openPositions(library, sweepId).length === 0) await folder.tidy();
  return outcome;
}

/** Positions whose results the library lacks. */
export function openPositions(library: Library, sweepId: string): number[] {
  return library.sweeps.get(sweepId).entries.flatMap(({ position, runId, config }) => {
    if (runId === null || library.runs.head(runId).status !== 'done') return [position];
    if (config.encoding === undefined) return [];
    // This process ended between a result and its smaller form.
    const id = library.deltas.idOfRun(runId);
    return id === null || hasSmaller(library, library.deltas.get(id)) ? [] : [position];
  });
}

function recordFailure(library: Library, sweepId: string, { position, runId, failure }: SweepEntryRecord, { code, message, advice }: ErrorEnvelope): void {
  const words = `${message} ${advice}`.trim();
  const status = runId === null ? null : library.runs.head(runId).status;
  if (runId === null || status === 'done' || (failure === words && (status === 'failed' || status === 'cancelled'))) return;
  library.sweeps.update(sweepId, position, { runId, failure: words });
  if (code === 'cancelled') library.runs.setStatus(runId, 'cancelled');
  else library.runs.fail(runId, message);
}

/** Returns whether anything was new. */
async function takeResult(library: Library, sweepId: string, folder: ClusterFolder, entry: SweepEntryRecord, batch: { batchId: string; program: string }, hashes: Map<string, string>): Promise<boolean> {
  const { runId } = entry;
  if (runId === null) return false;
  const run = library.runs.head(runId);
  const found = await folder.result(entry.position);
  if (found === null) throw new TapsError('cluster-failed', `The result of job ${String(entry.position)} in ${folder.path} is gone.`, AGAIN);
  requireOwn(library, folder, entry, batch, found, hashes);
  if (run.status === 'done') return takeSmaller(library, folder, entry, found);
  const staged = await stagePackage(folder, entry.position, found, run.folder);
  for (const metrics of found.result.epochs) library.runs.appendMetrics(runId, metrics);
  const results = found.files.map(({ name, level, testAccuracy, validationAccuracy }) => ({ artifact: join(staged, name), testAccuracy, validationAccuracy, pathLevel: level }));
  const chosen = results[found.chosen];
  if (chosen === undefined) throw new TapsError('cluster-failed', `The result of job ${String(entry.position)} names file ${String(found.chosen)} of ${String(results.length)}.`, AGAIN);
  await library.deltas.commit({ taskId: run.taskId, runId, ...chosen, result: found.result, others: results.filter((_, index) => index !== found.chosen) });
  if (entry.failure !== null) library.sweeps.update(sweepId, entry.position, { runId, failure: null });
  await takeSmaller(library, folder, entry, found);
  return true;
}

/** Nothing is read of a package of another base, or another job. */
function requireOwn(library: Library, folder: ClusterFolder, entry: SweepEntryRecord, batch: { batchId: string; program: string }, found: ResultPackage, hashes: Map<string, string>): void {
  const task = library.tasks.get(entry.taskId);
  const where = `The result of job ${String(entry.position)} in ${folder.path}`;
  if (found.baseId !== task.baseId) {
    throw new TapsError('base-mismatch', `${where} was learnt on the base ${found.baseId.slice(0, 12)}…, and task ${JSON.stringify(task.name)} is on ${task.baseId.slice(0, 12)}….`, AGAIN, { details: { resultBase: found.baseId, taskBase: task.baseId } });
  }
  const expected = describeJob(library, entry, batch, '', hashes);
  if (found.batchId !== batch.batchId || found.position !== entry.position || found.key !== expected.key) {
    throw new TapsError('run-incompatible', `${where} is of another job: its settings, pictures or classes are not those of ${task.name} ${entry.setting}, seed ${String(entry.config.seed)}.`, AGAIN);
  }
}

/** Copies a package beside the library's own runs, comparing hashes on the way. Returns the folder. */
async function stagePackage(folder: ClusterFolder, position: number, { files }: ResultPackage, target: string): Promise<string> {
  try {
    await rm(target, { recursive: true, force: true });
    await mkdir(target, { recursive: true });
  } catch (error) {
    throw storageError(error, 'make the folder', target);
  }
  for (const file of files) await stageOne(folder, position, file, target);
  return target;
}

async function stageOne(folder: ClusterFolder, position: number, { name, sha256, bytes }: { name: string; sha256: string; bytes: number }, target: string): Promise<string> {
  const from = join(folder.jobFolder(position), FOLDERS.result, name);
  const staged = await stageFile(target, createReadStream(from) as AsyncIterable<Uint8Array>);
  if (staged.sizeBytes !== bytes || staged.sha256 !== sha256) {
    await staged.discard();
    throw new TapsError('cluster-failed', `${from} ${staged.sizeBytes === bytes ? 'has changed since it was written' : `has ${String(staged.sizeBytes)} bytes instead of ${String(bytes)}`}.`, AGAIN);
  }
  await staged.publish(join(target, name));
  return join(target, name);
}

/** The smaller form, when the settings asked for one and the library lacks it. */
async function takeSmaller(library: Library, folder: ClusterFolder, entry: SweepEntryRecord, { smaller }: ResultPackage): Promise<boolean> {
  if (smaller === null || 'failure' in smaller || entry.runId === null) return false;
  const id = library.deltas.idOfRun(entry.runId);
  const from = id === null ? null : library.deltas.get(id);
  if (from === null || hasSmaller(library, from)) return false;
  const { folder: target } = library.runs.head(entry.runId);
  await mkdir(target, { recursive: true }).catch((error: unknown) => {
    throw storageError(error, 'make the folder', target);
  });
  try {
    await library.deltas.commitDerived(from, await stageOne(folder, entry.position, smaller, target), smaller.report);
  } finally {
    await rm(target, { recursive: true, force: true }).catch(() => undefined);
  }
  return true;
}

function hasSmaller(library: Library, from: DeltaRecord): boolean {
  return library.deltas.list(from.taskId).some(({ derivedFrom }) => derivedFrom === from.id);
}
