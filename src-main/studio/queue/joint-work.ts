/** @file Joint training whose turn has come: the joint stage, then, in two stages, the run of each task. */
import { envelopeOf } from '../../contract/errors.ts';
import type { JointMemory, JointProgress } from '../../contract/joint.ts';
import type { JointEpochView, JointView } from '../../contract/studio/joint.ts';
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { RunRecord } from '../../contract/records.ts';
import { resumeJointTraining } from '../../services/joint-training.ts';
import { TrainControl } from '../../services/train-control.ts';
import { throttle } from '../throttle.ts';
import { ActiveRun } from './active-run.ts';
import { keepFailure } from './failures.ts';
import type { Job, Work } from './jobs.ts';
import { listenTo, recordEnd, type Listener, type RunHost } from './run-work.ts';

const VIEW_INTERVAL_MS = 250;

export class JointWork implements Work {
  readonly job: Extract<Job, { kind: 'joint' }>;
  readonly #name: string;
  readonly #host: RunHost;
  readonly #tell: () => void;
  readonly #learnt: (epoch: JointEpochView) => void;
  #control = new TrainControl();
  #shouldPause = false;
  readonly #abort = new AbortController();
  #run: { active: ActiveRun; listener: Listener } | null = null;
  stage: NonNullable<JointView['stage']> = 'decoding';
  progress: JointProgress | null = null;
  memory: JointMemory | null = null;
  paused = false;

  /** @param name of the joint run @param tell its view has changed @param learnt an epoch has ended */
  constructor(job: Extract<Job, { kind: 'joint' }>, name: string, host: RunHost, tell: () => void, learnt: (epoch: JointEpochView) => void) {
    this.job = job;
    this.#name = name;
    this.#host = host;
    this.#tell = tell;
    this.#learnt = learnt;
  }

  get runs(): readonly ActiveRun[] {
    return this.#run === null ? [] : [this.#run.active];
  }

  async go(): Promise<void> {
    const { library, closing, events } = this.#host;
    const told = throttle(this.#tell, VIEW_INTERVAL_MS);
    try {
      await resumeJointTraining(library, {
        name: this.#name,
        controlOf: () => this.#nextControl(),
        signal: this.#abort.signal,
        onEvent: (event) => {
          this.#take(event);
          told();
        },
        onTaskRun: (run) => {
          this.#begin(run);
        },
        onTaskEvent: (_task, event) => this.#run?.listener.onEvent(event),
        onTaskEnd: (error) => {
          this.#end(error);
        },
      });
    } catch (error) {
      // Stopped by a person, or by the end of the program: it can be gone on with and says so.
      if (envelopeOf(error).code !== 'cancelled' && !closing()) keepFailure(library, this.job.id, error);
    } finally {
      told.cancel();
      events.libraryChanged();
    }
  }

  /** A wish to finish is one trainer's; a wish to pause is the whole run's. */
  #nextControl(): TrainControl {
    this.#control = new TrainControl();
    if (this.#shouldPause) this.#control.pause();
    return this.#control;
  }

  #take(event: TrainerEvent): void {
    if (event.kind === 'stage') this.stage = event.stage;
    else if (event.kind === 'paused' || event.kind === 'resumed') this.paused = event.kind === 'paused';
    else if (event.kind === 'joint-memory') this.memory = event.memory;
    else if (event.kind === 'joint-progress') this.progress = event.progress;
    else if (event.kind === 'joint-epoch') {
      const { epoch, validationAccuracy, tasks } = event.epoch;
      this.#learnt({ epoch, validationAccuracy, tasks: tasks.map((task) => ({ validationAccuracy: task.validationAccuracy, trainLoss: task.trainLoss, openLayers: task.openLayers })) });
    }
  }

  #begin(run: RunRecord): void {
    this.stage = 'tasks';
    const active = new ActiveRun(run, this.#control, this.#abort);
    this.#run = { active, listener: listenTo(active, this.#host) };
    this.#host.tell(run.id);
    this.#host.events.libraryChanged();
    this.#tell();
  }

  #end(error: unknown): void {
    const run = this.#run;
    if (run === null) return;
    this.#run = null;
    run.listener.end();
    if (error !== null) recordEnd(this.#host, run.active.id, error);
    this.#host.tell(run.active.id);
  }

  pause(): void {
    this.#shouldPause = true;
    this.#control.pause();
    this.#tell();
  }

  continue(): void {
    this.#shouldPause = false;
    this.#control.resume();
    this.#tell();
  }

  stop(): void {
    this.#abort.abort();
  }

  abandon(): void {
    this.#control.abandon();
  }
}
