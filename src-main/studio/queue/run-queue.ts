/**
 * @file Runs in the queue; those that Slurm has stand beside it. Every run is recorded with its frozen settings the moment it is
 * asked for. What is waiting or going when the library closes can be resumed at the next start.
 */
import { TapsError } from '../../contract/errors.ts';
import type { RunHead } from '../../contract/records.ts';
import type { RunView } from '../../contract/studio/runs.ts';
import type { TrainConfig } from '../../contract/training.ts';
import type { Library } from '../../services/open-library.ts';
import { canResume } from '../../services/train-task.ts';
import type { StudioEvents } from '../events.ts';
import { ActiveRun } from './active-run.ts';
import { ClusterRuns } from './cluster-runs.ts';
import { forgetFailure, keepFailure } from './failures.ts';
import { JobQueue } from './job-queue.ts';
import type { Job } from './jobs.ts';
import { RunWork, type RunHost } from './run-work.ts';
import { smallerKey, SmallerWork } from './smaller-work.ts';
import { runView, statusOf, type QueueState } from './run-view.ts';
import { SweepIndex } from './sweep-index.ts';

const LISTED_ENDED = 100;

export class RunQueue {
  /** All that takes turns, runs among it. */
  readonly jobs: JobQueue;
  /** Which runs belong to a sweep. */
  readonly sweeps: SweepIndex;
  /** For other work on runs. */
  readonly host: RunHost;
  readonly #library: Library;
  readonly #events: StudioEvents;
  readonly #isHidden: (run: Pick<RunHead, 'id' | 'taskId'>) => boolean;
  readonly #cluster: ClusterRuns;

  constructor(library: Library, events: StudioEvents, isHidden: (run: Pick<RunHead, 'id' | 'taskId'>) => boolean) {
    this.#library = library;
    this.#events = events;
    this.#isHidden = isHidden;
    this.sweeps = new SweepIndex(library);
    this.jobs = new JobQueue((changed) => {
      this.#tell(...changed.flatMap((job) => (job.kind === 'run' || job.kind === 'smaller' ? [job.id] : [])));
      this.#events.libraryChanged();
    });
    const tell = (runId: string): void => {
      this.#tell(runId);
    };
    this.host = { library, events, tell, shrink: (runId) => { this.jobs.add({ kind: 'smaller', id: runId }, true); }, closing: () => this.jobs.closing };
    this.#cluster = new ClusterRuns(library, events, tell);
    this.jobs.handle('run', (job) => {
      const run = library.runs.get(job.id);
      return new RunWork(job, new ActiveRun(run), run, this.host);
    });
    this.jobs.handle('smaller', (job) => new SmallerWork(job, this.host));
  }

  /** Something is going or waiting here. */
  get busy(): boolean {
    return this.jobs.busy;
  }

  /** Runs that Slurm has. */
  get away(): number {
    return this.#cluster.going().length;
  }

  /** Whether one of the task's runs is going or waiting. */
  hasRunOf(taskId: string): boolean {
    const { waiting, current } = this.jobs;
    const jobs = [...waiting, ...(current === null ? [] : [current.job])].flatMap((job) => (job.kind === 'run' || job.kind === 'smaller' ? [job.id] : []));
    return [...this.#cluster.going(), ...jobs, ...this.#active.map(({ id }) => id)].some((id) => this.#library.runs.head(id).taskId === taskId);
  }

  get #active(): readonly ActiveRun[] {
    return this.jobs.current?.runs ?? [];
  }

  get #state(): QueueState {
    return { active: this.#active, jobs: this.jobs, cluster: this.#cluster, sweeps: this.sweeps };
  }

  statusOf(run: Pick<RunHead, 'id' | 'status'>): RunHead['status'] {
    return statusOf(run, this.#state);
  }

  /** Running first, then waiting in order, then those that Slurm has, then the newest that have ended. */
  list(): RunView[] {
    const state = this.#state;
    const waiting = this.jobs.waiting.flatMap((job) => (job.kind === 'run' ? [job.id] : []));
    const first = [...new Set([...state.active.map(({ id }) => id), ...waiting, ...this.#cluster.going()])];
    const heads = new Map(this.#library.runs.heads({ limit: LISTED_ENDED + first.length, results: false }).map((run) => [run.id, run]));
    const known = first.map((id) => heads.get(id) ?? this.#library.runs.head(id));
    const ended = [...heads.values()].filter((run) => !first.includes(run.id) && !this.#isHidden(run));
    return [...known, ...ended].map((run) => runView(this.#library, run, state));
  }

  /** @throws TapsError `not-found` */
  view(runId: string): RunView {
    return runView(this.#library, this.#library.runs.head(runId), this.#state);
  }

  /** @throws TapsError `not-found`, `dataset-invalid` for a task without pictures, `disk-full`, `io-failed` */
  start(taskId: string, config: TrainConfig): RunView {
    const run = this.#library.runs.create(taskId, config);
    return this.#enqueue({ kind: 'run', id: run.id, resume: false });
  }

  /** @throws TapsError `usage` when it cannot be gone on with */
  async resume(runId: string): Promise<RunView> {
    const run = this.#library.runs.head(runId);
    if (this.#cluster.view(run) !== null) {
      await this.#cluster.resume(runId);
      return this.view(runId);
    }
    const { canResume: possible, status } = this.view(runId);
    if (!possible || !canResume({ ...run, status })) throw new TapsError('usage', `The run is ${status}${status === 'cancelled' || status === 'failed' ? ' and left no checkpoint' : ''}.`, 'Start a new run.');
    forgetFailure(this.#library, runId);
    this.#library.runs.setStatus(runId, 'queued');
    return this.#enqueue({ kind: 'run', id: runId, resume: true });
  }

  /** The answer says `queued` or `running`, as the next list will. */
  #enqueue(job: Job): RunView {
    this.jobs.add(job);
    return this.view(job.id);
  }

  pause(runId: string): boolean {
    const active = this.#require(runId);
    active.control.pause();
    return !active.stopping;
  }

  continue(runId: string): boolean {
    this.#require(runId).control.resume();
    return false;
  }

  /**
   * A run that Slurm has is cancelled there; one of a sweep that is stopped stops the sweep.
   * @param keepBest of a run here: end with the best so far as the result; with nothing learnt yet it is an ordinary stop
   */
  async stop(runId: string, keepBest: boolean): Promise<boolean> {
    if (this.#cluster.view(this.#library.runs.head(runId)) !== null) {
      await this.#cluster.stop(runId);
      return true;
    }
    const isThis = (job: Job): boolean => job.kind === 'run' && job.id === runId;
    if (this.jobs.waiting.some(isThis)) {
      this.#library.runs.setStatus(runId, 'cancelled');
      this.jobs.drop(isThis);
      return true;
    }
    const active = this.#require(runId);
    if (keepBest && active.hasLearnt) active.control.finish();
    else active.stop();
    return true;
  }

  /**
   * Makes the smaller form that an ended run still lacks.
   * @throws TapsError `usage` when there is nothing to do: it was not asked for, is there, waits or goes, or the run has not ended
   */
  shrink(runId: string): RunView {
    const state = this.view(runId).smaller?.state ?? 'not asked for';
    if (state !== 'open' && state !== 'failed' && state !== 'cancelled') throw new TapsError('usage', `The smaller form of this run is ${state}.`, 'Make any result smaller on the Frontier tab of its task.');
    forgetFailure(this.#library, smallerKey(runId));
    this.jobs.add({ kind: 'smaller', id: runId });
    return this.view(runId);
  }

  /** What was learnt stays as it is. @throws TapsError `usage` when it neither waits nor goes */
  stopShrinking(runId: string): RunView {
    const { current } = this.jobs;
    const gone = this.jobs.drop((job) => job.kind === 'smaller' && job.id === runId);
    if (gone.length > 0) keepFailure(this.#library, smallerKey(runId), new TapsError('cancelled', 'Making the task smaller was cancelled.', 'Start it again when you are ready; nothing was changed.'));
    else if (current?.job.kind === 'smaller' && current.job.id === runId) current.stop();
    else throw new TapsError('usage', 'This result is not being made smaller.', 'Look at the run again.');
    return this.view(runId);
  }

  /** @param id of a job that waits @throws TapsError `usage` for one that does not */
  move(id: string, position: number): RunView[] {
    if (!this.jobs.move(id, position)) throw new TapsError('usage', `The run ${id} is not waiting.`, 'Only what waits has a place in the queue.');
    return this.list();
  }

  #require(runId: string): ActiveRun {
    const active = this.#active.find(({ id }) => id === runId);
    if (active !== undefined) return active;
    const { status } = this.view(runId);
    throw new TapsError('usage', `The run is ${status}.`, 'Only the run that is going can be paused or stopped.');
  }

  #tell(...runIds: string[]): void {
    for (const runId of new Set(runIds)) {
      try {
        this.#events.emit('run.changed', this.view(runId));
      } catch {
        // Removed meanwhile.
      }
    }
  }

  /** Stops what is going with a checkpoint; it and the waiting runs can be resumed. */
  async close(): Promise<void> {
    await this.#cluster.close();
    for (const job of await this.jobs.close()) this.#interrupt(job);
  }

  #interrupt(job: Job): void {
    try {
      if (job.kind === 'run') this.#library.runs.setStatus(job.id, 'interrupted');
    } catch {
      // A full disk, say: the next start finds it queued and does the same.
    }
  }
}
