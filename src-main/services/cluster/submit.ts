/** @file Sends jobs of a sweep to Slurm: those that have no result and are not with it already. */
import { randomBytes } from 'node:crypto';
import { open, rm } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { Batch, Submission } from '../../cluster/folder.ts';
import { chunks, positionsToSend } from '../../cluster/job-state.ts';
import { ownDirectives, scriptText } from '../../cluster/script.ts';
import type { SlurmOptions } from '../../cluster/slurm-options.ts';
import { envelopeOf, TapsError } from '../../contract/errors.ts';
import type { SweepRecord } from '../../contract/sweep.ts';
import { writeFileAtomic } from '../../platform/atomic-file.ts';
import { isErrno } from '../../platform/file-system.ts';
import { storageError } from '../../platform/storage-error.ts';
import type { Library } from '../open-library.ts';
import { programVersion } from '../version.ts';
import { ClusterFolder, requireBatch, type ClusterView } from './cluster-folder.ts';
import { collectResults, openPositions, type Collected } from './collect.ts';
import { exportJobs, forgetNews, type ExportOptions } from './export-jobs.ts';
import { seal, writeSealed } from './sealed.ts';
import { mostJobsPerArray, requireSlurm, submitScript } from './slurm.ts';

export interface SubmitOptions extends ExportOptions {
  /** null: what the last submission had. */
  slurm: SlurmOptions | null;
  /** What is to be otherwise than in the last submission, where `slurm` is null. */
  change?: Partial<SlurmOptions> | undefined;
  /** Program and first arguments that run `taps` on a node; null: what the last submission had. */
  program: readonly string[] | null;
  /** Where the shared folder is to be; undefined: where it is, for a new one in the library. */
  folder?: string | undefined;
  /** Send these only; undefined: everything that is to be sent. */
  only?: readonly number[] | undefined;
  /** How long a result may take to be seen after Slurm says that its job has ended, in milliseconds. */
  settleMs?: number | undefined;
}

export interface SubmitOutcome {
  /** Ids of the arrays; empty when there was nothing to send. */
  jobIds: number[];
  /** Positions that were sent. */
  sent: number[];
  /** What was taken into the library before. */
  collected: Collected;
  /** Of the jobs before anything was sent. */
  before: ClusterView;
}

export const SETTLE_MS = 60_000;

/** The shared folder of a sweep that is worked off elsewhere. @throws TapsError `usage` for any other */
export function clusterFolderOf(library: Pick<Library, 'folder'>, { id, place }: Pick<SweepRecord, 'id' | 'place'>): ClusterFolder {
  if (place === null) throw new TapsError('usage', `The sweep ${id} is worked off by this machine, not by Slurm.`, `Go on with it: taps sweep --resume ${id}, or send it: taps sweep --resume ${id} --on slurm.`);
  return new ClusterFolder(place.folder ?? join(library.folder, 'cluster', id));
}

/**
 * Takes in what is finished, then sends what has no result and is not with Slurm. Called again it sends only what failed meanwhile;
 * those go on from their checkpoints. The sweep is recorded as Slurm's before anything is sent, so that whatever ends this process,
 * the jobs are found again.
 * @throws TapsError `cluster-failed` with Slurm's words; `run-incompatible` for a folder of another sweep; `dataset-changed`,
 * `disk-full`, `io-failed`, `cancelled`
 */
export async function submitSweep(library: Library, sweepId: string, options: SubmitOptions): Promise<SubmitOutcome> {
  await requireSlurm();
  const { folder, batch } = await claimFolder(library, library.sweeps.get(sweepId), options.folder);
  makeRuns(library, sweepId);
  const positions = openPositions(library, sweepId);
  let before = await folder.look(positions);
  if (before.jobs.some(({ state }) => state === 'ending')) {
    await new Promise((done) => setTimeout(done, options.settleMs ?? SETTLE_MS));
    before = await folder.look(positions, { settled: true });
  }
  if (before.asked !== true) throw new TapsError('cluster-failed', `squeue does not answer: ${JSON.stringify(before.asked)}.`, 'Jobs may be going that cannot be seen now: try again when Slurm answers (sinfo).');
  const collected = await collectResults(library, sweepId, folder, before);
  const refused = new Set(collected.refused.map(({ position }) => position));
  const taken = new Set(collected.taken);
  const send = positionsToSend(before.jobs.map(({ position, state }) => ({ position, state: refused.has(position) ? ('failed' as const) : state }))).filter((position) => !taken.has(position) && options.only?.includes(position) !== false);
  const unsent = new Set(send);
  const jobIds = send.length === 0 ? [] : await sendJobs(library, sweepId, folder, batch, unsent, options).catch((error: unknown) => {
    recordUnsent(library, sweepId, unsent, error);
    throw error;
  });
  return { jobIds, sent: send, collected, before };
}

/** Makes the folder, or finds it, and records that the sweep is Slurm's. */
async function claimFolder(library: Library, sweep: SweepRecord, wanted: string | undefined): Promise<{ folder: ClusterFolder; batch: Batch }> {
  const place = sweep.place ?? { kind: 'slurm', folder: wanted === undefined ? null : resolve(wanted) };
  const folder = clusterFolderOf(library, { id: sweep.id, place });
  if (sweep.place !== null && wanted !== undefined && resolve(wanted) !== folder.path) {
    throw new TapsError('run-incompatible', `The sweep ${sweep.id} is in ${folder.path}, not in ${resolve(wanted)}.`, 'Leave --folder out.');
  }
  await folder.make();
  if ((await folder.batch()) === null) {
    await folder.writeBatch({ version: 1, batchId: randomBytes(8).toString('hex'), sweepId: sweep.id, title: sweep.title, program: programVersion(), createdAt: Date.now() });
  }
  const batch = await requireBatch(folder, sweep.id);
  library.sweeps.setPlace(sweep.id, place);
  // The program may have been updated since; jobs that are sent now run the new one.
  return { folder, batch: { ...batch, program: programVersion() } };
}

/** Every entry has a run from now on: it is listed, and keeps its version of the pictures. */
function makeRuns(library: Library, sweepId: string): void {
  for (const { position, taskId, config, runId } of library.sweeps.get(sweepId).entries) {
    if (runId === null) library.sweeps.update(sweepId, position, { runId: library.runs.create(taskId, config).id, failure: null });
  }
}

/** @param unsent what is to be sent; what was is taken out */
async function sendJobs(library: Library, sweepId: string, folder: ClusterFolder, batch: Batch, unsent: Set<number>, options: SubmitOptions): Promise<number[]> {
  const { entries } = library.sweeps.get(sweepId);
  const submissions = await folder.submissions();
  const last = submissions.at(-1);
  const slurm = options.slurm ?? (last === undefined ? undefined : { ...last.options, ...options.change });
  const program = options.program ?? last?.program;
  if (slurm === undefined || program === undefined) throw new TapsError('usage', `The sweep ${sweepId} was never sent: it is not known how.`, `Give the options for Slurm: taps sweep --resume ${sweepId} --on slurm.`);
  const positions = [...unsent];
  await exportJobs(library, folder, batch, entries.filter(({ position }) => unsent.has(position)), options);
  await forgetNews(folder, positions);
  const jobIds: number[] = [];
  let number = last?.number ?? 0;
  for (const part of chunks(positions, await mostJobsPerArray())) {
    number += 1;
    const submission: Submission = { version: 1, batchId: batch.batchId, number, name: `taps-${batch.batchId}-${String(number)}`, positions: part, options: slurm, program: [...program], jobId: null, createdAt: Date.now() };
    jobIds.push(await sendArray(folder, submission));
    for (const position of part) {
      const runId = entries.find((entry) => entry.position === position)?.runId ?? null;
      library.sweeps.update(sweepId, position, { runId, failure: null });
      if (runId !== null) library.runs.setStatus(runId, 'queued');
      unsent.delete(position);
    }
  }
  return jobIds;
}

/** What could not be sent does not look as if it waited. */
function recordUnsent(library: Library, sweepId: string, unsent: ReadonlySet<number>, error: unknown): void {
  const { message, advice, code } = envelopeOf(error);
  if (code === 'disk-full') return;
  for (const { position, runId } of library.sweeps.get(sweepId).entries) {
    if (!unsent.has(position) || runId === null) continue;
    if (code === 'cancelled') library.runs.setStatus(runId, 'cancelled');
    else library.runs.fail(runId, message);
    library.sweeps.update(sweepId, position, { runId, failure: `${message} ${advice}`.trim() });
  }
}

/** The submission is written first, under its name: if this process ends before the answer, the array is found by it. */
async function sendArray(folder: ClusterFolder, submission: Submission): Promise<number> {
  const { name: jobName, options, program, number, positions } = submission;
  const path = folder.submissionPath(number, 'json');
  await claimNumber(path, submission);
  const script = folder.submissionPath(number, 'sh');
  const parts = { jobName, count: positions.length, options, program, folder: folder.path, submission: number };
  try {
    await writeFileAtomic(script, new TextEncoder().encode(scriptText(parts)));
    const jobId = await submitScript(script, ownDirectives(parts), folder.path);
    await writeSealed(path, 'submission', { ...submission, jobId });
    return jobId;
  } catch (error) {
    // Refused: nothing was sent. What was sent in spite of an error has its name in the queue, and its jobs do not find this file.
    await rm(path, { force: true });
    await rm(script, { force: true });
    throw error;
  }
}

/** Two programs that send at the same time: one of them gets the number. */
async function claimNumber(path: string, submission: Submission): Promise<void> {
  try {
    const file = await open(path, 'wx');
    try {
      await file.writeFile(seal('submission', submission));
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    if (isErrno(error, 'EEXIST')) throw new TapsError('cluster-failed', `Another program is sending jobs from this folder (${path}).`, 'Wait until it is done, then give the same command again.');
    throw storageError(error, 'write', path);
  }
}
