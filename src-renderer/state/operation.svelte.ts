/** @file One piece of long work as a screen sees it: progress, cancelling, failure. */
import { envelopeOf, errorFromEnvelope, type TapsError } from '../../src-main/contract/errors.ts';
import type { StudioClient } from '../client/studio.ts';

export class Operation {
  running = $state(false);
  label = $state('');
  done = $state(0);
  /** 0 while unknown. */
  total = $state(0);
  error = $state.raw<TapsError | null>(null);
  readonly #studio: StudioClient;
  #id: string | null = null;

  constructor(studio: StudioClient) {
    this.#studio = studio;
  }

  /** Undefined after a failure (see `error`) or after cancelling. */
  async run<T>(work: (operationId: string) => Promise<T>): Promise<T | undefined> {
    if (this.running) return undefined;
    const id = this.#studio.newOperationId();
    this.#id = id;
    this.running = true;
    this.label = '';
    this.done = 0;
    this.total = 0;
    this.error = null;
    const off = this.#studio.on('operation.progress', (progress) => {
      if (progress.operationId !== id) return;
      this.label = progress.label;
      this.done = progress.done;
      this.total = progress.total;
    });
    try {
      return await work(id);
    } catch (error) {
      const failure = asTapsError(error);
      if (failure.code !== 'cancelled') this.error = failure;
      return undefined;
    } finally {
      off();
      this.running = false;
      this.#id = null;
    }
  }

  async cancel(): Promise<void> {
    if (this.#id !== null) await this.#studio.request('operation.cancel', { operationId: this.#id });
  }
}

export function asTapsError(error: unknown): TapsError {
  return errorFromEnvelope(envelopeOf(error));
}
