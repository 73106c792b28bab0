/**
 * @file Runs that Slurm has: looked at every few seconds while there are any, their epochs and results taken in as they come. They go
 * on when the program ends; the next one finds them again.
 */
import type { RunHead } from '../../contract/records.ts';
import type { ClusterRun } from '../../contract/studio/runs.ts';
import { TapsError } from '../../contract/errors.ts';
import type { ClusterFolder, ClusterJobView } from '../../services/cluster/cluster-folder.ts';
import { collectResults, openPositions } from '../../services/cluster/collect.ts';
import { clusterFolderOf, submitSweep } from '../../services/cluster/submit.ts';
import { cancelSweep } from '../../services/cluster/sweep-cluster.ts';
import type { Library } from '../../services/open-library.ts';
import type { StudioEvents } from '../events.ts';

const LOOK_INTERVAL_MS = 5_000;

interface Known {
  sweepId: string;
  position: number;
  /** null before the first look. */
  job: ClusterJobView | null;
  /** Epochs that are stored. */
  epochs: number;
  /** Why this run has no newer news: the folder cannot be read, a result was refused. */
  trouble: string | null;
}

export class ClusterRuns {
  readonly #library: Library;
  readonly #events: StudioEvents;
  readonly #tell: (runId: string) => void;
  readonly #intervalMs: number;
  readonly #runs = new Map<string, Known>();
  readonly #folders = new Map<string, ClusterFolder>();
  #timer: NodeJS.Timeout | undefined;
  #looking: Promise<void> = Promise.resolve();
  #closed = false;

  /** @param tell a run's view has changed @param intervalMs between two looks */
  constructor(library: Library, events: StudioEvents, tell: (runId: string) => void, intervalMs = LOOK_INTERVAL_MS) {
    this.#library = library;
    this.#events = events;
    this.#tell = tell;
    this.#intervalMs = intervalMs;
    for (const { id, place, entries } of library.sweeps.list()) {
      if (place === null) continue;
      for (const { position, runId } of entries) if (runId !== null) this.#runs.set(runId, { sweepId: id, position, job: null, epochs: 0, trouble: null });
    }
    this.#schedule(0);
  }

  /** What the window is told of a run on Slurm; null for any other. */
  view(run: Pick<RunHead, 'id' | 'status'>): ClusterRun | null {
    const known = this.#runs.get(run.id);
    if (known === undefined) return null;
    const { job, sweepId, trouble } = known;
    return {
      sweepId,
      job: job?.slurm ?? null,
      state: run.status === 'done' ? 'finished' : (job?.state ?? 'unknown'),
      reason: trouble ?? job?.reason ?? '',
      host: job?.progress?.host ?? null,
      log: job?.log ?? null,
      stage: job?.progress?.stage ?? null,
      progress: job?.progress?.progress ?? null,
      failure: job?.failure ?? null,
    };
  }

  /** As the window shows it; null for a run that is not on Slurm. */
  statusOf(run: Pick<RunHead, 'id' | 'status'>): RunHead['status'] | null {
    const cluster = this.view(run);
    if (cluster === null) return null;
    if (run.status === 'done') return 'done';
    switch (cluster.state) {
      case 'waiting':
        return 'queued';
      case 'running':
      case 'ending':
      case 'finished':
        return 'running';
      case 'unknown':
        // Nothing was heard of it since the program started, or Slurm does not answer.
        if (run.status !== 'queued') return run.status;
        return cluster.progress === null ? 'queued' : 'running';
      case 'unsent':
        return run.status === 'queued' ? 'interrupted' : run.status;
      case 'failed':
        return cluster.failure?.code === 'cancelled' ? 'cancelled' : 'failed';
    }
  }

  /** Ids of runs that wait or go on Slurm. */
  going(): string[] {
    return [...this.#runs].filter(([, { job }]) => job !== null && ['waiting', 'running', 'ending'].includes(job.state)).map(([id]) => id);
  }

  /** Cancels the job; its checkpoint stays. @throws TapsError `cluster-failed` with Slurm's words */
  async stop(runId: string): Promise<void> {
    const { sweepId, position } = this.#require(runId);
    await cancelSweep(this.#library, sweepId, position);
    if (this.#library.runs.head(runId).status === 'queued') this.#library.runs.setStatus(runId, 'cancelled');
    await this.look();
    this.#tell(runId);
  }

  /** Sends the job again, with what the last submission asked of Slurm. @throws TapsError `cluster-failed` with Slurm's words, … */
  async resume(runId: string): Promise<void> {
    const { sweepId, position } = this.#require(runId);
    const { sent } = await submitSweep(this.#library, sweepId, { slurm: null, program: null, only: [position] });
    if (sent.length === 0) throw new TapsError('usage', 'There is nothing to send: Slurm has this job, or its result is there.', 'Look at it again in a moment.');
    await this.look();
    this.#tell(runId);
  }

  #require(runId: string): Known {
    const known = this.#runs.get(runId);
    if (known === undefined) throw new TapsError('not-found', `The run ${runId} is not on Slurm.`, 'Look at the list of runs again.');
    return known;
  }

  /** One look at every sweep with something open; after one that is under way. Never fails: what cannot be read is told with the runs. */
  look(): Promise<void> {
    this.#looking = this.#looking.then(() => this.#lookOnce());
    return this.#looking;
  }

  async #lookOnce(): Promise<void> {
    if (this.#closed) return;
    clearTimeout(this.#timer);
    let waits = false;
    for (const sweepId of new Set([...this.#runs.values()].map((known) => known.sweepId))) {
      try {
        waits = (await this.#lookAt(sweepId)) || waits;
      } catch (error) {
        const message = error instanceof Error ? error.message : String(error);
        for (const [runId, known] of this.#runs) if (known.sweepId === sweepId) this.#change(runId, { trouble: message });
        waits = true;
      }
    }
    if (waits) this.#schedule(this.#intervalMs);
  }

  /** Returns whether there is more to wait for. */
  async #lookAt(sweepId: string): Promise<boolean> {
    const library = this.#library;
    const sweep = library.sweeps.get(sweepId);
    if (sweep.place === null) return false;
    const folder = this.#folders.get(sweepId) ?? clusterFolderOf(library, sweep);
    this.#folders.set(sweepId, folder);
    const open = openPositions(library, sweepId);
    if (open.length === 0) return false;
    const view = await folder.look(open);
    const runOf = new Map(sweep.entries.map(({ position, runId }) => [position, runId]));
    for (const job of view.jobs) {
      const runId = runOf.get(job.position) ?? null;
      if (runId === null || this.#closed) continue;
      await this.#takeEpochs(runId, folder, job);
      this.#change(runId, { job, trouble: view.asked === true ? null : `squeue does not answer: ${view.asked}` });
    }
    if (this.#closed) return false;
    const { taken, refused } = await collectResults(library, sweepId, folder, view);
    for (const { position, error } of refused) {
      const job = view.jobs.find((each) => each.position === position);
      const runId = runOf.get(position);
      if (job !== undefined && typeof runId === 'string') this.#change(runId, { job: { ...job, state: 'failed', failure: error } });
    }
    for (const position of taken) {
      const runId = runOf.get(position);
      if (typeof runId === 'string') this.#tell(runId);
    }
    if (taken.length > 0) this.#events.libraryChanged();
    return view.jobs.some(({ state }) => ['waiting', 'running', 'ending', 'unknown'].includes(state));
  }

  /** Epochs of a job that goes: the curves grow as those of a run here. */
  async #takeEpochs(runId: string, folder: ClusterFolder, job: ClusterJobView): Promise<void> {
    const known = this.#runs.get(runId);
    if (known === undefined || (job.state !== 'running' && job.state !== 'unknown')) return;
    const epochs = await folder.epochs(job.position);
    for (const metrics of epochs) {
      if (metrics.epoch < known.epochs) continue;
      this.#library.runs.appendMetrics(runId, metrics);
      this.#events.emit('run.epoch', { runId, metrics });
      known.epochs = metrics.epoch + 1;
    }
  }

  #change(runId: string, change: Partial<Known>): void {
    const known = this.#runs.get(runId);
    if (known === undefined) return;
    const next = { ...known, ...change };
    const news = JSON.stringify([next.job, next.trouble]) !== JSON.stringify([known.job, known.trouble]);
    this.#runs.set(runId, next);
    if (news) this.#tell(runId);
  }

  #schedule(afterMs: number): void {
    clearTimeout(this.#timer);
    if (this.#closed || this.#runs.size === 0) return;
    this.#timer = setTimeout(() => void this.look(), afterMs);
    this.#timer.unref();
  }

  /** Looks no more; the jobs go on. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#looking;
  }
}
