/** @file Long requests: each has an id of the window's choosing, tells how far it is, and can be cancelled. */
import { TapsError } from '../contract/errors.ts';
import type { StudioEvents } from './events.ts';

/** At most four a second; the last word of each label always arrives. */
const PROGRESS_INTERVAL_MS = 250;

export interface Operation {
  signal: AbortSignal;
  /** @param total 0 when unknown */
  progress: (label: string, done: number, total: number) => void;
  /** Progress of one counted piece of the work. */
  counter: (label: string) => (done: number, total: number) => void;
}

export class Operations {
  readonly #running = new Map<string, { controller: AbortController; ended: Promise<unknown> }>();
  readonly #events: StudioEvents;

  constructor(events: StudioEvents) {
    this.#events = events;
  }

  get count(): number {
    return this.#running.size;
  }

  /** @throws TapsError `usage` while another piece of work has this id; what `work` throws */
  async run<T>(operationId: string, label: string, work: (operation: Operation) => Promise<T>): Promise<T> {
    if (this.#running.has(operationId)) throw new TapsError('usage', `The operation ${operationId} is going on already.`, 'Wait for it, or cancel it first.');
    const controller = new AbortController();
    const ended = Promise.withResolvers<undefined>();
    // Before anything is told: whoever hears of it may cancel it.
    this.#running.set(operationId, { controller, ended: ended.promise });
    const progress = this.#progressOf(operationId);
    try {
      progress(label, 0, 0);
      return await work({
        signal: controller.signal,
        progress,
        counter: (counted) => (done, total) => {
          progress(counted, done, total);
        },
      });
    } finally {
      this.#running.delete(operationId);
      ended.resolve(undefined);
    }
  }

  #progressOf(operationId: string): Operation['progress'] {
    let lastSent = 0;
    let lastLabel = '';
    return (label, done, total) => {
      const now = Date.now();
      const complete = total > 0 && done >= total;
      if (label === lastLabel && !complete && now - lastSent < PROGRESS_INTERVAL_MS) return;
      lastSent = now;
      lastLabel = label;
      this.#events.emit('operation.progress', { operationId, label, done, total });
    };
  }

  cancel(operationId: string): boolean {
    const found = this.#running.get(operationId);
    found?.controller.abort();
    return found !== undefined;
  }

  /** Cancels everything and waits for it. */
  async close(): Promise<void> {
    const all = [...this.#running.values()];
    for (const { controller } of all) controller.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }
}

/** Between two steps of work that has no child to stop. @throws TapsError `cancelled` */
export function throwIfCancelled(signal: AbortSignal): void {
  if (signal.aborted) throw new TapsError('cancelled', 'The work was cancelled.', 'Start it again when you are ready.');
}
