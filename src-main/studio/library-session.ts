/** @file An open library with everything that lives as long as it is open. Lists leave out what is about to be removed. */
import { TapsError } from '../contract/errors.ts';
import type { BaseRecord, DeltaRecord, RunHead, TaskRecord } from '../contract/records.ts';
import type { LibraryStatus } from '../contract/studio/app.ts';
import { removeUnusedArchives } from '../services/archive-folders.ts';
import { openLibrary, type Library } from '../services/open-library.ts';
import { PictureFiles } from '../services/picture-files.ts';
import { PredictorHost } from '../services/predictor-host.ts';
import { StudioDatasets } from './datasets.ts';
import { hasDraft } from './drafts.ts';
import type { StudioEvents } from './events.ts';
import { JointQueue } from './queue/joint-queue.ts';
import { RunQueue } from './queue/run-queue.ts';
import { SweepQueue } from './queue/sweep-queue.ts';
import { Removals } from './removals.ts';

export class LibrarySession {
  readonly library: Library;
  readonly datasets: StudioDatasets;
  readonly queue: RunQueue;
  readonly sweeps: SweepQueue;
  readonly joint: JointQueue;
  readonly removals: Removals;
  readonly pictures: PictureFiles;
  /** For trying tasks: the network stays loaded between questions. */
  readonly predictor = new PredictorHost();

  /** @throws TapsError what `openLibrary` throws */
  constructor(folder: string, events: StudioEvents) {
    this.library = openLibrary(folder, { create: true });
    this.datasets = new StudioDatasets(this.library);
    this.pictures = new PictureFiles(this.library);
    this.removals = new Removals(this.library, events);
    this.queue = new RunQueue(this.library, events, ({ id, taskId }) => this.removals.isHidden('run', id) || this.removals.isHidden('task', taskId));
    this.sweeps = new SweepQueue(this.queue, (sweepId) => this.removals.isHidden('sweep', sweepId));
    this.joint = new JointQueue(this.queue, (jointId) => this.removals.isHidden('joint', jointId));
  }

  /** By name. */
  bases(): BaseRecord[] {
    return this.library.bases.list().filter(({ id }) => !this.removals.isHidden('base', id));
  }

  /** What lists leave out. */
  get hidden(): { tasks: string[]; runs: string[] } {
    return { tasks: this.removals.hiddenIds('task'), runs: this.removals.hiddenIds('run') };
  }

  /** Of a base, in order. */
  taskNames(baseId: string): { id: string; name: string }[] {
    return this.library.tasks.namesOfBase(baseId).filter(({ id }) => !this.removals.isHidden('task', id));
  }

  /** By id. @throws TapsError `not-found`, also for one that is about to be removed */
  task(id: string): TaskRecord {
    const task = this.removals.isHidden('task', id) ? null : this.library.tasks.findById(id);
    if (task === null) throw new TapsError('not-found', 'This task is not in the library any more.', 'Go back to the library.');
    return task;
  }

  /** By id. @throws TapsError `not-found`; `dataset-invalid` for a task without pictures to learn from */
  taskToLearn(id: string): TaskRecord {
    const task = this.task(id);
    if (this.library.datasets.summary(task.datasetId).images > 0) return task;
    throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task.name)} came from an adapter folder and has no pictures to learn from.`, 'Add a new task with pictures of your own.');
  }

  /** By id. @throws TapsError `not-found`, also for one that is about to be removed */
  base(id: string): BaseRecord {
    const base = this.bases().find((candidate) => candidate.id === id);
    if (base === undefined) throw new TapsError('not-found', 'This base is not in the library any more.', 'Go back to the library.');
    return base;
  }

  /** Of a task, newest first. */
  runs(taskId: string): RunHead[] {
    return this.library.runs.heads({ taskId }).filter(({ id }) => !this.removals.isHidden('run', id));
  }

  /** Of a task, oldest first. */
  deltas(taskId: string): DeltaRecord[] {
    return this.library.deltas.list(taskId).filter(({ runId }) => runId === null || !this.removals.isHidden('run', runId));
  }

  status(): LibraryStatus {
    return { state: 'open', folder: this.library.folder, bases: this.bases().length, tasks: this.library.tasks.count() - this.removals.hiddenIds('task').length };
  }

  /** Stops the queue with a checkpoint, finishes removals, closes the library whatever goes wrong with the rest. */
  async close(): Promise<void> {
    try {
      await this.queue.close();
      await this.pictures.close();
      await this.predictor.close();
      await this.removals.finishAll();
      await this.#tidy().catch(() => undefined);
    } finally {
      this.library.close();
    }
  }

  /** Removes what nothing refers to any more; what cannot be removed now can be another time. */
  async #tidy(): Promise<void> {
    if (this.removals.finished > 0) await this.library.collectGarbage();
    // A draft may go on with pictures that were unpacked for it.
    if (!hasDraft(this.library)) await removeUnusedArchives(this.library);
  }
}
