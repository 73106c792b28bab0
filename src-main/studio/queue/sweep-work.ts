/** @file A sweep whose turn has come: what it still lacks, worked off as `taps sweep` does it. */
import { envelopeOf } from '../../contract/errors.ts';
import type { RunRecord } from '../../contract/records.ts';
import { runSweep } from '../../services/sweep.ts';
import { TrainControl } from '../../services/train-control.ts';
import { ActiveRun } from './active-run.ts';
import { keepFailure } from './failures.ts';
import type { Job, Work } from './jobs.ts';
import { listenTo, recordEnd, type Listener, type RunHost } from './run-work.ts';
import type { SweepIndex } from './sweep-index.ts';

interface Going {
  active: ActiveRun;
  listener: Listener;
}

export class SweepWork implements Work {
  readonly job: Extract<Job, { kind: 'sweep' }>;
  readonly #host: RunHost;
  readonly #index: SweepIndex;
  readonly #parallel: number;
  readonly #abort = new AbortController();
  readonly #controls = new Map<number, TrainControl>();
  readonly #going = new Map<number, Going>();
  #paused = false;

  /** @param parallel trainers at a time, 1 or 2; a second one only while memory allows */
  constructor(job: Extract<Job, { kind: 'sweep' }>, host: RunHost, index: SweepIndex, parallel: number) {
    this.job = job;
    this.#host = host;
    this.#index = index;
    this.#parallel = parallel;
  }

  get runs(): readonly ActiveRun[] {
    return [...this.#going.values()].map(({ active }) => active);
  }

  get paused(): boolean {
    return this.#paused;
  }

  async go(): Promise<void> {
    const { library } = this.#host;
    try {
      await runSweep(library, this.job.id, {
        parallel: this.#parallel,
        signal: this.#abort.signal,
        controlOf: ({ position }) => this.#controlOf(position),
        onRun: ({ position }, run) => {
          this.#begin(position, run);
        },
        onEvent: ({ position }, event) => this.#going.get(position)?.listener.onEvent(event),
        onEnd: ({ position }, error) => {
          this.#end(position, error);
        },
      });
    } catch (error) {
      // Stopped, or something that stops every further run too.
      if (envelopeOf(error).code !== 'cancelled') keepFailure(library, this.job.id, error);
    }
  }

  #controlOf(position: number): TrainControl {
    const control = new TrainControl();
    if (this.#paused) control.pause();
    this.#controls.set(position, control);
    return control;
  }

  #begin(position: number, run: RunRecord): void {
    this.#index.add(run.id, this.job.id);
    const active = new ActiveRun(run, this.#controls.get(position), this.#abort);
    this.#going.set(position, { active, listener: listenTo(active, this.#host) });
    this.#host.tell(run.id);
    this.#host.events.libraryChanged();
  }

  #end(position: number, error: unknown): void {
    this.#controls.delete(position);
    const going = this.#going.get(position);
    if (going === undefined) return;
    this.#going.delete(position);
    going.listener.end();
    if (error !== null) recordEnd(this.#host, going.active.id, error);
    this.#host.tell(going.active.id);
    this.#host.events.libraryChanged();
  }

  /** All that goes stands still, and so does what begins meanwhile. */
  pause(): void {
    this.#paused = true;
    for (const control of this.#controls.values()) control.pause();
    this.#host.events.libraryChanged();
  }

  continue(): void {
    this.#paused = false;
    for (const control of this.#controls.values()) control.resume();
    this.#host.events.libraryChanged();
  }

  stop(): void {
    this.#abort.abort();
  }

  abandon(): void {
    for (const control of this.#controls.values()) control.abandon();
  }
}
