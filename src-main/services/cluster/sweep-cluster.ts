/** @file Use-cases of a sweep on Slurm: waiting for it, collecting, cancelling, finding it again. */
import type { ErrorEnvelope } from '../../contract/errors.ts';
import { TapsError } from '../../contract/errors.ts';
import type { SweepEntry, SweepRecord } from '../../contract/sweep.ts';
import { isOver } from '../../cluster/job-state.ts';
import { openLibrary, type Library } from '../open-library.ts';
import { clusterFolderOf, SETTLE_MS } from './submit.ts';
import { collectResults, openPositions, type Collected } from './collect.ts';
import type { ClusterFolder, ClusterJobView, ClusterView } from './cluster-folder.ts';
import { cancelJobs } from './slurm.ts';

/** Takes in what is finished, once. @throws TapsError as `collectResults` */
export async function collectSweep(library: Library, sweepId: string): Promise<{ view: ClusterView; collected: Collected }> {
  const folder = clusterFolderOf(library, library.sweeps.get(sweepId));
  const view = await folder.look(openPositions(library, sweepId));
  return { view, collected: await collectResults(library, sweepId, folder, view) };
}

export interface WaitOptions {
  /** Between two looks, in milliseconds. */
  pollMs?: number | undefined;
  /** See `SubmitOptions`. */
  settleMs?: number | undefined;
  /** After every look. */
  onLook?: ((view: ClusterView) => void) | undefined;
  /** Results that were taken in. */
  onCollected?: ((collected: Collected) => void) | undefined;
  /** Something that passes by itself: another program has the library, Slurm does not answer. */
  onTrouble?: ((error: ErrorEnvelope) => void) | undefined;
  /** Ends the waiting; the jobs go on. */
  signal?: AbortSignal | undefined;
}

const POLL_MS = 10_000;
/** So long another program may keep the library at the end. */
const LOCKED_MS = 10 * 60_000;

/**
 * Waits until no job of the sweep is left with Slurm, and takes results in as they come. The library is open only while results are
 * taken in: other work goes on meanwhile.
 * @throws TapsError `cancelled` when the waiting was stopped; `library-locked` when another program keeps the library at the end;
 * as `collectResults`
 */
export async function waitForSweep(libraryFolder: string, sweepId: string, options: WaitOptions = {}): Promise<void> {
  const { folder, positions } = using(openLibrary(libraryFolder, { readOnly: true }), (library) => ({ folder: clusterFolderOf(library, library.sweeps.get(sweepId)), positions: openPositions(library, sweepId) }));
  let open = positions;
  const endingSince = new Map<number, number>();
  let lockedSince: number | null = null;
  for (;;) {
    if (options.signal?.aborted === true) throw new TapsError('cancelled', 'Waiting for Slurm was stopped; the jobs go on.', 'Give the same command again, or collect later.');
    const view = await lookSettled(folder, open, endingSince, options.settleMs ?? SETTLE_MS).catch((error: unknown) => {
      // A shared file system that is away for a while.
      if (!(error instanceof TapsError) || error.code !== 'io-failed') throw error;
      options.onTrouble?.({ code: error.code, message: error.message, advice: 'It is tried again.' });
      return null;
    });
    if (view === null) {
      await pause(options.pollMs ?? POLL_MS, options.signal);
      continue;
    }
    options.onLook?.(view);
    if (view.asked !== true) options.onTrouble?.({ code: 'cluster-failed', message: `squeue does not answer: ${JSON.stringify(view.asked)}.`, advice: 'It is asked again.' });
    const over = view.jobs.every(({ state }) => isOver(state));
    if (over || view.jobs.some(({ state }) => state === 'finished')) {
      const { open: left, locked } = await tryToCollect(libraryFolder, sweepId, folder, view, options);
      open = left;
      if (over && !locked) return;
      if (!locked) lockedSince = null;
      else if (over) {
        lockedSince ??= Date.now();
        if (Date.now() - lockedSince > LOCKED_MS) throw new TapsError('library-locked', `The library ${libraryFolder} is kept by another program; results of the sweep wait in ${folder.path}.`, `Collect them when it is closed: taps sweep --collect ${sweepId}`);
      }
    }
    await pause(options.pollMs ?? POLL_MS, options.signal);
  }
}

function using<Result>(library: Library, work: (library: Library) => Result): Result {
  try {
    return work(library);
  } finally {
    library.close();
  }
}

/** A job that Slurm calls completed and that shows no result for too long has failed. */
async function lookSettled(folder: ClusterFolder, positions: readonly number[], since: Map<number, number>, settleMs: number): Promise<ClusterView> {
  const view = await folder.look(positions);
  const now = Date.now();
  const ending = view.jobs.filter(({ state }) => state === 'ending').map(({ position }) => position);
  for (const position of ending) if (!since.has(position)) since.set(position, now);
  const late = ending.filter((position) => now - (since.get(position) ?? now) >= settleMs);
  if (late.length === 0) return view;
  const settled = await folder.look(late, { settled: true });
  const byPosition = new Map(settled.jobs.map((job) => [job.position, job]));
  return { ...view, jobs: view.jobs.map((job) => byPosition.get(job.position) ?? job) };
}

/** What is taken in, or, while another program has the library, what that one has taken in. */
async function tryToCollect(libraryFolder: string, sweepId: string, folder: ClusterFolder, view: ClusterView, options: WaitOptions): Promise<{ open: number[]; locked: boolean }> {
  let library: Library;
  try {
    library = openLibrary(libraryFolder);
  } catch (error) {
    if (!(error instanceof TapsError) || error.code !== 'library-locked') throw error;
    const open = using(openLibrary(libraryFolder, { readOnly: true }), (other) => openPositions(other, sweepId));
    const waits = view.jobs.some(({ position, state }) => state === 'finished' && open.includes(position));
    if (waits) options.onTrouble?.({ code: error.code, message: error.message, advice: 'Results wait in the shared folder until it is free.' });
    return { open, locked: waits };
  }
  try {
    const collected = await collectResults(library, sweepId, folder, view);
    if (collected.taken.length > 0 || collected.refused.length > 0) options.onCollected?.(collected);
    const refused = new Set(collected.refused.map(({ position }) => position));
    return { open: openPositions(library, sweepId).filter((position) => !refused.has(position)), locked: false };
  } finally {
    library.close();
  }
}

function pause(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    signal?.addEventListener('abort', done);
    if (signal?.aborted === true) done();
  });
}

/**
 * Cancels what Slurm has of a sweep, or one of its jobs. Checkpoints stay.
 * @returns how many jobs were cancelled
 * @throws TapsError `cluster-failed` with Slurm's words
 */
export async function cancelSweep(library: Library, sweepId: string, position?: number): Promise<number> {
  const folder = clusterFolderOf(library, library.sweeps.get(sweepId));
  const view = await folder.look(position === undefined ? openPositions(library, sweepId) : [position]);
  if (view.asked !== true) throw new TapsError('cluster-failed', `squeue does not answer: ${JSON.stringify(view.asked)}.`, 'Try again when Slurm answers (sinfo).');
  const going = view.jobs.flatMap(({ state, slurm }) => ((state === 'waiting' || state === 'running') && slurm !== null ? [slurm] : []));
  await cancelJobs(going);
  return going.length;
}

/** The newest sweep on Slurm with something open. @throws TapsError `not-found` */
export function findClusterSweep(library: Library): SweepRecord {
  const sweep = library.sweeps.list().find(({ id, place }) => place !== null && openPositions(library, id).length > 0);
  if (sweep === undefined) throw new TapsError('not-found', 'No sweep in the library is on Slurm with something left to do.', 'Send one: taps sweep <task…> --on slurm.');
  return sweep;
}

/** An unfinished sweep on Slurm of exactly these runs: the same command goes on with it. */
export function findSameSweep(library: Library, entries: readonly SweepEntry[]): SweepRecord | null {
  const textOf = (all: readonly SweepEntry[]): string => JSON.stringify(all.map(({ taskId, setting, config }) => [taskId, setting, config]));
  const wanted = textOf(entries);
  return library.sweeps.list().find(({ id, place, entries: own }) => place !== null && own.length === entries.length && textOf(own) === wanted && openPositions(library, id).length > 0) ?? null;
}

/** Jobs by state, for a line of progress. */
export function countStates(jobs: readonly Pick<ClusterJobView, 'state'>[]): Partial<Record<ClusterJobView['state'], number>> {
  const counts: Partial<Record<ClusterJobView['state'], number>> = {};
  for (const { state } of jobs) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/**
 * Makes a sweep this machine's again, with what is finished taken in. Nothing of it may be with Slurm.
 * @throws TapsError `usage` while jobs are with Slurm; `cluster-failed` when Slurm does not answer
 */
export async function takeBack(library: Library, sweepId: string): Promise<Collected> {
  const { view, collected } = await collectSweep(library, sweepId);
  if (view.asked !== true) throw new TapsError('cluster-failed', `squeue does not answer: ${JSON.stringify(view.asked)}.`, 'Try again when Slurm answers (sinfo): jobs may be going that cannot be seen now.');
  const going = view.jobs.filter(({ state }) => !isOver(state)).length;
  if (going > 0) throw new TapsError('usage', `${String(going)} jobs of the sweep ${sweepId} are with Slurm.`, `Cancel them first: taps sweep --cancel ${sweepId}`);
  for (const { runId } of library.sweeps.get(sweepId).entries) {
    if (runId !== null && library.runs.head(runId).status !== 'done') library.runs.setStatus(runId, 'interrupted');
  }
  library.sweeps.setPlace(sweepId, null);
  return collected;
}
