/** @file Joint training in the queue: each is one job, remembered before anything is learnt, and can be gone on with after any end. */
import { TapsError } from '../../contract/errors.ts';
import type { JointConfig } from '../../contract/joint.ts';
import type { JointEpochView, JointView } from '../../contract/studio/joint.ts';
import type { JointRun } from '../../services/joint-inputs.ts';
import { listJointRuns } from '../../services/joint-runs.ts';
import { rememberJointTraining } from '../../services/joint-training.ts';
import { doneJointView, jointView } from '../views/joint-view.ts';
import { forgetFailure } from './failures.ts';
import { JointWork } from './joint-work.ts';
import type { RunQueue } from './run-queue.ts';

export class JointQueue {
  readonly #queue: RunQueue;
  readonly #isHidden: (jointId: string) => boolean;
  /** Epochs that were learnt since the program was started, by joint run: they outlast the job that brought them. */
  readonly #epochs = new Map<string, JointEpochView[]>();

  constructor(queue: RunQueue, isHidden: (jointId: string) => boolean) {
    this.#queue = queue;
    this.#isHidden = isHidden;
    queue.jobs.handle('joint', (job) => new JointWork(job, this.unfinished(job.id).name, queue.host, () => {
      this.#tell(job.id);
    }, (epoch) => {
      this.#keep(job.id, epoch);
    }));
  }

  #keep(jointId: string, view: JointEpochView): void {
    const others = (this.#epochs.get(jointId) ?? []).filter(({ epoch }) => epoch !== view.epoch);
    this.#epochs.set(jointId, [...others, view].sort((a, b) => a.epoch - b.epoch));
  }

  get #library(): RunQueue['host']['library'] {
    return this.#queue.host.library;
  }

  /** Unfinished ones, then those that are done, newest first. */
  list(): JointView[] {
    const open = listJointRuns(this.#library).filter(({ id }) => !this.#isHidden(id));
    const ids = new Set(open.map(({ id }) => id));
    const done = this.#library.bases.list().filter(({ lineage }) => lineage !== undefined && !ids.has(lineage.runId));
    return [...open.map((run) => this.#view(run)), ...done.sort((a, b) => b.createdAt - a.createdAt).flatMap((base) => doneJointView(this.#library, base) ?? [])];
  }

  /** @throws TapsError `not-found` */
  show(jointId: string): { joint: JointView; epochs: JointEpochView[] } {
    return { joint: this.view(jointId), epochs: this.#epochs.get(jointId) ?? [] };
  }

  /** @throws TapsError `not-found` */
  view(jointId: string): JointView {
    const open = listJointRuns(this.#library).find(({ id }) => id === jointId);
    if (open !== undefined && !this.#isHidden(jointId)) return this.#view(open);
    const made = this.#library.bases.list().find(({ lineage }) => lineage?.runId === jointId);
    const view = made === undefined ? null : doneJointView(this.#library, made);
    if (view === null || open !== undefined) throw new TapsError('not-found', 'This joint run is not in the library any more.', 'Look at the list of runs.');
    return view;
  }

  /** Whether a task is learnt, or waits to be, together with others. */
  hasTask(taskId: string): boolean {
    return listJointRuns(this.#library).some(({ id, tasks }) => this.#queue.jobs.has('joint', id) && tasks.some((task) => task.taskId === taskId));
  }

  /** @throws TapsError what `rememberJointTraining` throws */
  start(name: string, tasks: readonly string[], config: JointConfig): JointView {
    return this.#enqueue(rememberJointTraining(this.#library, { name, tasks, config }).id);
  }

  /** @throws TapsError `not-found`; `usage` when it goes or waits already */
  resume(jointId: string): JointView {
    const { state } = this.#view(this.unfinished(jointId));
    if (state !== 'unfinished') throw new TapsError('usage', `The joint run is ${state}.`, 'Wait for it, or stop it first.');
    return this.#enqueue(jointId);
  }

  #enqueue(jointId: string): JointView {
    const { jobs, host } = this.#queue;
    forgetFailure(host.library, jointId);
    jobs.add({ kind: 'joint', id: jointId });
    return this.view(jointId);
  }

  /** @throws TapsError `usage` when it is not going */
  pause(jointId: string): JointView {
    this.#require(jointId).pause();
    return this.view(jointId);
  }

  /** @throws TapsError `usage` when it is not going */
  continue(jointId: string): JointView {
    this.#require(jointId).continue();
    return this.view(jointId);
  }

  /** @throws TapsError `usage` when it neither goes nor waits */
  stop(jointId: string): JointView {
    const gone = this.#queue.jobs.drop((job) => job.kind === 'joint' && job.id === jointId);
    if (gone.length === 0) this.#require(jointId).stop();
    return this.view(jointId);
  }

  #require(jointId: string): JointWork {
    const { current } = this.#queue.jobs;
    if (current instanceof JointWork && current.job.id === jointId) return current;
    throw new TapsError('usage', `The joint run is ${this.view(jointId).state}.`, 'Only what is going can be paused or stopped.');
  }

  /** @throws TapsError `not-found` */
  unfinished(jointId: string): JointRun {
    const run = listJointRuns(this.#library).find(({ id }) => id === jointId);
    if (run === undefined) throw new TapsError('not-found', 'There is no such unfinished joint run.', 'Look at the list of runs.');
    return run;
  }

  #view(run: JointRun): JointView {
    const { jobs } = this.#queue;
    const { current } = jobs;
    const work = current instanceof JointWork && current.job.id === run.id ? current : null;
    return jointView(this.#library, run, work, jobs.positionOf('joint', run.id));
  }

  #tell(jointId: string): void {
    try {
      this.#queue.host.events.emit('joint.changed', this.view(jointId));
    } catch {
      // Removed meanwhile.
    }
  }
}
