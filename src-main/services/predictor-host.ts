/**
 * @file A trainer child that stays between predictions, with the base's network loaded: the next question, of the same task or of
 * another one, is answered without starting and loading again.
 */
import { TapsError } from '../contract/errors.ts';
import type { PredictJob, PredictManyJob } from '../contract/trainer-protocol.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';

/** A network takes hundreds of megabytes: nobody should pay for them long after the last question. */
const IDLE_MS = 60_000;

export interface PredictorHostOptions {
  /** After this time without a question the child ends. */
  idleMs?: number;
}

export class PredictorHost {
  readonly #idleMs: number;
  #client: TrainerClient | null = null;
  #idle: NodeJS.Timeout | undefined;
  /** A trainer has one job at a time. */
  #last: Promise<unknown> = Promise.resolve();
  #closed = false;

  constructor({ idleMs = IDLE_MS }: PredictorHostOptions = {}) {
    this.#idleMs = idleMs;
  }

  /** Of the child; null while there is none. */
  get pid(): number | null {
    return this.#client?.pid ?? null;
  }

  /** After the questions before it. @throws TapsError of the child, `child-crashed`, `cancelled` */
  predict(job: PredictJob, signal?: AbortSignal): ReturnType<TrainerClient['predict']> {
    return this.#inTurn((client) => client.predict(job, signal), signal);
  }

  /** As `predict`, for several tasks in the same pass. */
  predictMany(job: PredictManyJob, signal?: AbortSignal): ReturnType<TrainerClient['predictMany']> {
    return this.#inTurn((client) => client.predictMany(job, signal), signal);
  }

  #inTurn<T>(work: (client: TrainerClient) => Promise<T>, signal: AbortSignal | undefined): Promise<T> {
    const result = this.#last.then(async () => {
      // Cancelled while it waited: the child that others use is left alone.
      if (this.#closed || signal?.aborted === true) throw new TapsError('cancelled', 'The work was cancelled.', 'Start it again when you are ready.');
      clearTimeout(this.#idle);
      const client = (this.#client ??= new TrainerClient());
      try {
        return await work(client);
      } catch (error) {
        // A child that crashed or was ended does not answer again; the next question gets a new one.
        if (!(error instanceof TapsError) || ENDED.has(error.code)) await this.#stop();
        throw error;
      } finally {
        this.#idle = setTimeout(() => void this.#inTurnStop(), this.#idleMs);
        this.#idle.unref();
      }
    });
    this.#last = result.catch(() => undefined);
    return result;
  }

  #inTurnStop(): Promise<void> {
    const stopped = this.#last.then(() => this.#stop());
    this.#last = stopped;
    return stopped;
  }

  async #stop(): Promise<void> {
    const client = this.#client;
    this.#client = null;
    await client?.stop();
  }

  /** Ends the child after the question it is at; later ones are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#inTurnStop();
    clearTimeout(this.#idle);
  }
}

const ENDED: ReadonlySet<TapsError['code']> = new Set(['child-crashed', 'child-protocol', 'cancelled', 'out-of-memory', 'engine-failed']);
