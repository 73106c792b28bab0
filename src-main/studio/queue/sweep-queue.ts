/** @file Sweeps in the queue: each is one job, stored before anything is learnt, and can be gone on with after any end. */
import { z } from 'zod';
import { TapsError } from '../../contract/errors.ts';
import type { SweepRecord } from '../../contract/sweep.ts';
import type { SweepDetail, SweepView } from '../../contract/studio/sweeps.ts';
import { progressOf } from '../../services/sweep.ts';
import { planVariations, type VariationPlan } from '../../services/sweep-plan.ts';
import { sweepDetail, sweepView, type SweepState } from '../views/sweep-view.ts';
import { forgetFailure } from './failures.ts';
import type { RunQueue } from './run-queue.ts';
import { SweepWork } from './sweep-work.ts';

const LISTED = 50;
/** How a sweep is worked off is no part of what it is: kept beside it. */
const keyOf = (sweepId: string): string => `sweep-parallel/${sweepId}`;

export class SweepQueue {
  readonly #queue: RunQueue;
  readonly #isHidden: (sweepId: string) => boolean;

  constructor(queue: RunQueue, isHidden: (sweepId: string) => boolean) {
    this.#queue = queue;
    this.#isHidden = isHidden;
    queue.jobs.handle('sweep', (job) => {
      const { id } = this.#library.sweeps.get(job.id);
      return new SweepWork(job, queue.host, queue.sweeps, this.#parallelOf(id));
    });
  }

  get #library(): RunQueue['host']['library'] {
    return this.#queue.host.library;
  }

  /** Newest first. */
  list(): SweepView[] {
    return this.#library.sweeps
      .list()
      .filter(({ id, place, entries }) => place === null && entries.length > 0 && !this.#isHidden(id))
      .slice(0, LISTED)
      .map((sweep) => this.#view(sweep));
  }

  /** @throws TapsError `not-found` */
  show(sweepId: string): SweepDetail {
    const sweep = this.#get(sweepId);
    return sweepDetail(this.#library, this.#view(sweep), sweep, (run) => this.#queue.statusOf(run));
  }

  /** Whether a task is in a sweep that goes or waits. */
  hasTask(taskId: string): boolean {
    const { jobs } = this.#queue;
    return [...jobs.waiting, ...(jobs.current === null ? [] : [jobs.current.job])].some((job) => job.kind === 'sweep' && this.#library.sweeps.get(job.id).entries.some((entry) => entry.taskId === taskId));
  }

  /** @throws TapsError as `planVariations`; `disk-full`, `io-failed` */
  start(plan: VariationPlan & { title: string; most: number; parallel: number }): { sweep: SweepView; notes: string[] } {
    const { entries, notes } = planVariations(this.#library, plan);
    if (entries.length > plan.most) throw new TapsError('usage', `These would be ${String(entries.length)} runs.`, `Ask for at most ${String(plan.most)} at once: fewer seeds, or fewer λ.`);
    const { id } = this.#library.sweeps.add(plan.title, entries);
    if (plan.parallel > 1) this.#library.documents.set(keyOf(id), plan.parallel);
    return { sweep: this.#enqueue(id), notes };
  }

  /** @throws TapsError `not-found`; `usage` when it goes or waits already, or when nothing is left to do */
  resume(sweepId: string): SweepView {
    const { state } = this.#view(this.#get(sweepId));
    if (state === 'done') throw new TapsError('usage', 'Every run of this sweep has its result.', 'Start another one.');
    if (state !== 'unfinished') throw new TapsError('usage', `The sweep is ${state}.`, 'Wait for it, or stop it first.');
    return this.#enqueue(sweepId);
  }

  #enqueue(sweepId: string): SweepView {
    const { jobs, host } = this.#queue;
    forgetFailure(host.library, sweepId);
    // A run of it that was asked for by itself goes on within it.
    jobs.drop((job) => job.kind === 'run' && this.#queue.sweeps.of(job.id) === sweepId);
    jobs.add({ kind: 'sweep', id: sweepId });
    host.events.libraryChanged();
    return this.#view(this.#get(sweepId));
  }

  /** @throws TapsError `usage` when it is not going */
  pause(sweepId: string): SweepView {
    this.#require(sweepId).pause();
    return this.#view(this.#get(sweepId));
  }

  /** @throws TapsError `usage` when it is not going */
  continue(sweepId: string): SweepView {
    this.#require(sweepId).continue();
    return this.#view(this.#get(sweepId));
  }

  /** @throws TapsError `usage` when it neither goes nor waits */
  stop(sweepId: string): SweepView {
    const gone = this.#queue.jobs.drop((job) => job.kind === 'sweep' && job.id === sweepId);
    if (gone.length === 0) this.#require(sweepId).stop();
    this.#queue.host.events.libraryChanged();
    return this.#view(this.#get(sweepId));
  }

  #require(sweepId: string): SweepWork {
    const { current } = this.#queue.jobs;
    if (current instanceof SweepWork && current.job.id === sweepId) return current;
    throw new TapsError('usage', `The sweep is ${this.#view(this.#get(sweepId)).state}.`, 'Only the sweep that is going can be paused or stopped.');
  }

  #get(sweepId: string): SweepRecord {
    const sweep = this.#library.sweeps.get(sweepId);
    if (this.#isHidden(sweepId) || sweep.entries.length === 0) throw new TapsError('not-found', 'This sweep is not in the library any more.', 'Look at the list of runs.');
    return sweep;
  }

  #view(sweep: SweepRecord): SweepView {
    return sweepView(this.#library, sweep, this.#stateOf(sweep), this.#queue.jobs.positionOf('sweep', sweep.id));
  }

  #stateOf({ id }: SweepRecord): SweepState {
    const progress = progressOf(this.#library, id);
    const { current } = this.#queue.jobs;
    if (current instanceof SweepWork && current.job.id === id) return { state: current.paused || (current.runs.length > 0 && current.runs.every(({ paused }) => paused)) ? 'paused' : 'running', now: current.runs.map((run) => run.id), progress };
    const waits = this.#queue.jobs.has('sweep', id);
    return { state: waits ? 'waiting' : progress.done === progress.total ? 'done' : 'unfinished', now: [], progress };
  }

  #parallelOf(sweepId: string): number {
    const parsed = z.number().int().min(1).max(2).safeParse(this.#library.documents.get(keyOf(sweepId)));
    return parsed.success ? parsed.data : 1;
  }
}
