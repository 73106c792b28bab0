/** @file One run whose turn has come, and what the window is told while a run goes. */
import type { RunRecord } from '../../contract/records.ts';
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { Library } from '../../services/open-library.ts';
import { trainTask } from '../../services/train-task.ts';
import type { StudioEvents } from '../events.ts';
import { throttle } from '../throttle.ts';
import type { ActiveRun } from './active-run.ts';
import { keepFailure } from './failures.ts';
import type { Job, Work } from './jobs.ts';

/** At most four views a second. */
const VIEW_INTERVAL_MS = 250;

/** What work on runs needs of the queue. */
export interface RunHost {
  library: Library;
  events: StudioEvents;
  /** A run's view has changed. */
  tell: (runId: string) => void;
  /** Asks for the smaller form of a run's result, before all that waits. */
  shrink: (runId: string) => void;
  /** The program is closing: stopping is then no wish of a person. */
  closing: () => boolean;
}

/** Passes on what a trainer says of a run. */
export interface Listener {
  onDecoded: (done: number, total: number) => void;
  onEvent: (event: TrainerEvent) => void;
  end: () => void;
}

export function listenTo(active: ActiveRun, { events, tell }: RunHost): Listener {
  const told = throttle(() => {
    tell(active.id);
  }, VIEW_INTERVAL_MS);
  return {
    onDecoded: (done, total) => {
      active.decoded = { done, total };
      told();
    },
    onEvent: (event) => {
      const news = active.take(event);
      if (news === 'epoch' && event.kind === 'epoch') events.emit('run.epoch', { runId: active.id, metrics: event.metrics });
      else if (news === 'stage') tell(active.id);
      if (news !== null) told();
    },
    end: () => {
      told.cancel();
    },
  };
}

/** Keeps why a run ended, as the window shows it. */
export function recordEnd({ library, closing }: RunHost, runId: string, error: unknown): void {
  try {
    const { status } = library.runs.head(runId);
    if (status !== 'cancelled') keepFailure(library, runId, error);
    // Closing the program is no wish to cancel: the next start offers to go on.
    else if (closing()) library.runs.setStatus(runId, 'interrupted');
  } catch {
    // The library itself fails; `library.verify` and the next request say so.
  }
}

export class RunWork implements Work {
  readonly job: Extract<Job, { kind: 'run' }>;
  readonly runs: readonly ActiveRun[];
  readonly #active: ActiveRun;
  readonly #run: RunRecord;
  readonly #host: RunHost;

  constructor(job: Extract<Job, { kind: 'run' }>, active: ActiveRun, run: RunRecord, host: RunHost) {
    this.job = job;
    this.#active = active;
    this.runs = [active];
    this.#run = run;
    this.#host = host;
  }

  async go(): Promise<void> {
    const active = this.#active;
    const run = this.#run;
    const listener = listenTo(active, this.#host);
    try {
      await trainTask(this.#host.library, {
        task: run.taskId,
        config: run.config,
        ...(this.job.resume ? { resume: run } : { queued: run }),
        smallerLater: true,
        control: active.control,
        signal: active.signal,
        onDecoded: listener.onDecoded,
        onEvent: listener.onEvent,
      });
      if (run.config.encoding !== undefined) this.#host.shrink(run.id);
    } catch (error) {
      recordEnd(this.#host, active.id, error);
    } finally {
      listener.end();
    }
  }

  stop(): void {
    this.#active.stop();
  }

  abandon(): void {
    this.#active.control.abandon();
  }
}
