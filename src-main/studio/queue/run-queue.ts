/**
 * @file The queue of runs: one at a time here, the next starts by itself; those that Slurm has stand beside it. Every run is recorded with its frozen settings the moment it is
 * asked for. What is waiting or going when the library closes can be resumed at the next start.
 */
import { TapsError } from '../../contract/errors.ts';
import type { RunHead } from '../../contract/records.ts';
import type { RunView } from '../../contract/studio/runs.ts';
import type { TrainConfig } from '../../contract/training.ts';
import type { Library } from '../../services/open-library.ts';
import { canResume, trainTask } from '../../services/train-task.ts';
import type { StudioEvents } from '../events.ts';
import { throttle } from '../throttle.ts';
import { ActiveRun } from './active-run.ts';
import { ClusterRuns } from './cluster-runs.ts';
import { forgetFailure, keepFailure } from './failures.ts';
import { runView, statusOf, type QueueState } from './run-view.ts';

/** At most four views a second. */
const VIEW_INTERVAL_MS = 250;
/** A step may take long; a trainer that is still there after this is ended and resumes from its last checkpoint. */
const CLOSE_GRACE_MS = 15_000;
const LISTED_ENDED = 100;

interface Waiting {
  runId: string;
  resume: boolean;
}

export class RunQueue {
  readonly #library: Library;
  readonly #events: StudioEvents;
  readonly #isHidden: (run: Pick<RunHead, 'id' | 'taskId'>) => boolean;
  readonly #cluster: ClusterRuns;
  #waiting: Waiting[] = [];
  #active: ActiveRun | null = null;
  #ended: Promise<unknown> = Promise.resolve();
  #closing = false;

  constructor(library: Library, events: StudioEvents, isHidden: (run: Pick<RunHead, 'id' | 'taskId'>) => boolean) {
    this.#library = library;
    this.#events = events;
    this.#isHidden = isHidden;
    this.#cluster = new ClusterRuns(library, events, (runId) => {
      this.#tell(runId);
    });
  }

  /** A run is going or waiting here. */
  get busy(): boolean {
    return this.#active !== null || this.#waiting.length > 0;
  }

  /** Runs that Slurm has. */
  get away(): number {
    return this.#cluster.going().length;
  }

  /** Whether one of the task's runs is going or waiting. */
  hasRunOf(taskId: string): boolean {
    return [...this.#cluster.going(), ...this.#waiting.map(({ runId }) => runId), ...(this.#active === null ? [] : [this.#active.id])].some((id) => this.#library.runs.head(id).taskId === taskId);
  }

  get #state(): QueueState {
    return { active: this.#active, waiting: this.#waiting.map(({ runId }) => runId), cluster: this.#cluster };
  }

  statusOf(run: Pick<RunHead, 'id' | 'status'>): RunHead['status'] {
    return statusOf(run, this.#state);
  }

  /** Running first, then waiting in order, then those that Slurm has, then the newest that have ended. */
  list(): RunView[] {
    const state = this.#state;
    const first = [...new Set([...(state.active === null ? [] : [state.active.id]), ...state.waiting, ...this.#cluster.going()])];
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
    return this.#enqueue({ runId: run.id, resume: false });
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
    return this.#enqueue({ runId, resume: true });
  }

  #enqueue(entry: Waiting): RunView {
    this.#waiting.push(entry);
    this.#events.libraryChanged();
    // The answer says `queued` or `running`, as the next list will.
    this.#startNext();
    this.#tell(entry.runId);
    return this.view(entry.runId);
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

  /** A run that Slurm has is cancelled there. @param keepBest of a run here: end with the best so far as the result; with nothing learnt yet it is an ordinary stop */
  async stop(runId: string, keepBest: boolean): Promise<boolean> {
    if (this.#cluster.view(this.#library.runs.head(runId)) !== null) {
      await this.#cluster.stop(runId);
      return true;
    }
    if (this.#waiting.some((entry) => entry.runId === runId)) {
      this.#waiting = this.#waiting.filter((entry) => entry.runId !== runId);
      this.#library.runs.setStatus(runId, 'cancelled');
      this.#tell(runId, ...this.#waiting.map((entry) => entry.runId));
      this.#events.libraryChanged();
      return true;
    }
    const active = this.#require(runId);
    if (keepBest && active.hasLearnt) active.control.finish();
    else active.stop();
    return true;
  }

  /** @throws TapsError `usage` for a run that is not waiting */
  move(runId: string, position: number): RunView[] {
    const entry = this.#waiting.find((waiting) => waiting.runId === runId);
    if (entry === undefined) throw new TapsError('usage', `The run ${runId} is not waiting.`, 'Only waiting runs have a place in the queue.');
    const others = this.#waiting.filter((waiting) => waiting !== entry);
    this.#waiting = others.toSpliced(position, 0, entry);
    this.#tell(...this.#waiting.map((waiting) => waiting.runId));
    return this.list();
  }

  #require(runId: string): ActiveRun {
    if (this.#active?.id === runId) return this.#active;
    const { status } = this.view(runId);
    throw new TapsError('usage', `The run is ${status}.`, 'Only the run that is going can be paused or stopped.');
  }

  #startNext(): void {
    if (this.#closing || this.#active !== null) return;
    const next = this.#waiting.shift();
    if (next === undefined) return;
    try {
      this.#active = new ActiveRun(this.#library.runs.get(next.runId));
    } catch {
      // Removed meanwhile: the one after it is next.
      this.#startNext();
      return;
    }
    this.#ended = this.#run(this.#active, next.resume).finally(() => {
      this.#active = null;
      this.#tell(next.runId);
      this.#events.libraryChanged();
      this.#startNext();
      this.#tell(...this.#state.waiting, ...(this.#state.active === null ? [] : [this.#state.active.id]));
    });
  }

  /** Never rejects: a failed run is told by its view, and the next one starts. */
  async #run(active: ActiveRun, resume: boolean): Promise<void> {
    const told = throttle(() => {
      this.#tell(active.id);
    }, VIEW_INTERVAL_MS);
    try {
      const run = this.#library.runs.get(active.id);
      await trainTask(this.#library, {
        task: run.taskId,
        config: run.config,
        ...(resume ? { resume: run } : { queued: run }),
        control: active.control,
        signal: active.signal,
        onDecoded: (done, total) => {
          active.decoded = { done, total };
          told();
        },
        onEvent: (event) => {
          const news = active.take(event);
          if (news === 'epoch' && event.kind === 'epoch') this.#events.emit('run.epoch', { runId: active.id, metrics: event.metrics });
          else if (news === 'stage') this.#tell(active.id);
          if (news !== null) told();
        },
      });
    } catch (error) {
      this.#recordEnd(active, error);
    } finally {
      told.cancel();
    }
  }

  #recordEnd(active: ActiveRun, error: unknown): void {
    try {
      const { status } = this.#library.runs.head(active.id);
      if (status !== 'cancelled') keepFailure(this.#library, active.id, error);
      // Closing the program is no wish to cancel: the next start offers to go on.
      else if (this.#closing) this.#library.runs.setStatus(active.id, 'interrupted');
    } catch {
      // The library itself fails; `library.verify` and the next request say so.
    }
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

  #interruptWaiting(): void {
    try {
      for (const { runId } of this.#waiting) this.#library.runs.setStatus(runId, 'interrupted');
    } catch {
      // A full disk, say: the next start finds them queued and does the same.
    }
    this.#waiting = [];
  }

  /** Stops the run that is going with a checkpoint; it and the waiting ones can be resumed. */
  async close(): Promise<void> {
    this.#closing = true;
    await this.#cluster.close();
    this.#interruptWaiting();
    const active = this.#active;
    if (active === null) return;
    active.stop();
    const insist = setTimeout(() => {
      active.control.abandon();
    }, CLOSE_GRACE_MS);
    await this.#ended;
    clearTimeout(insist);
  }
}
