/** @file Owner's side of a trainer: one job, its events, its last word. */
import { errorFromEnvelope, TapsError } from '../contract/errors.ts';
import type { CompressJob } from '../contract/compression.ts';
import type { JointJob } from '../contract/joint.ts';
import type { TallJob } from '../contract/tall.ts';
import type { PredictJob, PredictManyJob, TrainerEvent, TrainJob } from '../contract/trainer-protocol.ts';
import { OwnedChild, type ChildOptions } from './owned-child.ts';
import type { SmallerBatch } from '../contract/training.ts';
import { nextAttempt, nextBatch, type Asking } from './recovery.ts';

type EventOf<K extends TrainerEvent['kind']> = Extract<TrainerEvent, { kind: K }>;

/** A step or a compilation blocks the child's heartbeat; nothing sane takes this long. */
const SILENCE_MS = 600_000;

export class TrainerClient {
  #child: OwnedChild;
  readonly #options: ChildOptions;

  constructor(options: ChildOptions = {}) {
    this.#options = { silenceMs: SILENCE_MS, ...options };
    this.#child = new OwnedChild('trainer', this.#options);
  }

  get pid(): number {
    return this.#child.pid;
  }

  /**
   * When memory does not suffice, or a GPU is lost, the run goes on in a fresh process (recovery.ts); an event says so.
   * @throws TapsError: the run's own failure, `cancelled`, or `child-crashed`
   */
  train(job: TrainJob, onEvent: (event: TrainerEvent) => void, signal?: AbortSignal): Promise<EventOf<'done'>> {
    return this.#goingOn(job, (attempt) => this.#learn({ kind: 'train', job: attempt }, 'done', onEvent, signal), onEvent, signal);
  }

  /** Goes on as `train` does. @throws TapsError: the run's own failure, `out-of-memory` before anything is learnt, `cancelled`, or `child-crashed` */
  joint(job: JointJob, onEvent: (event: TrainerEvent) => void, signal?: AbortSignal): Promise<EventOf<'joint-done'>> {
    return this.#goingOn(job, (attempt) => this.#learn({ kind: 'joint', job: attempt }, 'joint-done', onEvent, signal), onEvent, signal);
  }

  async #goingOn<J extends TrainJob | JointJob, D>(job: J, learn: (attempt: J) => Promise<D>, onEvent: (event: TrainerEvent) => void, signal: AbortSignal | undefined): Promise<D> {
    for (let attempt = job; ; ) {
      try {
        return await learn(attempt);
      } catch (error) {
        const next = signal?.aborted === true ? null : nextAttempt(attempt, error);
        const recovery = next?.recoveries.at(-1);
        if (next === null || recovery === undefined) throw error;
        onEvent({ kind: 'recovery', recovery });
        await this.#renew();
        attempt = next;
      }
    }
  }

  /**
   * When memory does not suffice it is begun anew, in a fresh process and with fewer pictures at once; the report says so.
   * @throws TapsError: the job's own failure, `cancelled`, or `child-crashed`; nothing is stored then
   */
  async compress(job: CompressJob, onEvent: (event: TrainerEvent) => void, signal?: AbortSignal): Promise<EventOf<'compressed'>> {
    try {
      const { done, recoveries } = await this.#inSmallerBatches(job, (attempt) => this.#learn({ kind: 'compress', job: attempt }, 'compressed', onEvent, signal), signal);
      return recoveries.length === 0 ? done : { ...done, report: { ...done.report, recoveries } };
    } catch (error) {
      throw error instanceof TapsError && error.code === 'cancelled' ? new TapsError('cancelled', 'Making the task smaller was cancelled.', 'Start it again when you are ready; nothing was changed.') : error;
    }
  }

  async #inSmallerBatches<J extends Asking, D>(job: J, ask: (attempt: J) => Promise<D>, signal: AbortSignal | undefined): Promise<{ done: D; recoveries: SmallerBatch[] }> {
    const recoveries: SmallerBatch[] = [];
    for (let attempt = job; ; ) {
      try {
        return { done: await ask(attempt), recoveries };
      } catch (error) {
        const smaller = signal?.aborted === true ? null : nextBatch(attempt, error);
        if (smaller === null) throw error;
        recoveries.push(smaller);
        await this.#renew();
        attempt = { ...attempt, batchSize: smaller.batchSize };
      }
    }
  }

  async #renew(): Promise<void> {
    await this.#child.stop();
    this.#child = new OwnedChild('trainer', this.#options);
  }

  /** As `compress`, for several tasks at once. @throws TapsError: the job's own failure, `cancelled`, or `child-crashed` */
  async tall(job: TallJob, signal?: AbortSignal): Promise<EventOf<'tall'>> {
    try {
      const { done, recoveries } = await this.#inSmallerBatches(job, (attempt) => this.#learn({ kind: 'tall', job: attempt }, 'tall', () => undefined, signal), signal);
      return recoveries.length === 0 ? done : { ...done, report: { ...done.report, recoveries } };
    } catch (error) {
      throw error instanceof TapsError && error.code === 'cancelled' ? new TapsError('cancelled', 'Making the masks was cancelled.', 'Start it again when you are ready.') : error;
    }
  }

  #learn<K extends 'done' | 'joint-done' | 'compressed' | 'tall'>(request: object, wanted: K, onEvent: (event: TrainerEvent) => void, signal?: AbortSignal): Promise<EventOf<K>> {
    const onAbort = (): void => {
      this.#child.send({ kind: 'cancel' });
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    return this.#ask(request, wanted, onEvent).finally(() => {
      signal?.removeEventListener('abort', onAbort);
    });
  }

  /**
   * When memory does not suffice it is asked anew, in a fresh process and with fewer pictures at once; the answer says so.
   * @throws TapsError of the child, `child-crashed`, or `cancelled`: there is nothing to keep, so the child is ended at once
   */
  async predict(job: PredictJob, signal?: AbortSignal): Promise<EventOf<'predicted'>> {
    const { done, recoveries } = await this.#inSmallerBatches(job, (attempt) => this.#predict({ kind: 'predict', job: attempt }, 'predicted', signal), signal);
    return recoveries.length === 0 ? done : { ...done, recoveries };
  }

  /** As `predict`, for several tasks in the same pass. */
  async predictMany(job: PredictManyJob, signal?: AbortSignal): Promise<EventOf<'predicted-many'>> {
    const { done, recoveries } = await this.#inSmallerBatches(job, (attempt) => this.#predict({ kind: 'predict-many', job: attempt }, 'predicted-many', signal), signal);
    return recoveries.length === 0 ? done : { ...done, recoveries };
  }

  #predict<K extends 'predicted' | 'predicted-many'>(request: object, wanted: K, signal?: AbortSignal): Promise<EventOf<K>> {
    const onAbort = (): void => {
      this.#child.kill(new TapsError('cancelled', 'The work was cancelled.', 'Start it again when you are ready.'));
    };
    signal?.addEventListener('abort', onAbort);
    if (signal?.aborted === true) onAbort();
    return this.#ask(request, wanted).finally(() => {
      signal?.removeEventListener('abort', onAbort);
    });
  }

  doctor(): Promise<EventOf<'doctor'>> {
    return this.#ask({ kind: 'doctor' }, 'doctor');
  }

  pause(): void {
    this.#child.send({ kind: 'pause' });
  }
  resume(): void {
    this.#child.send({ kind: 'resume' });
  }
  /** Training ends after the current step; `train` resolves with the best so far. */
  finish(): void {
    this.#child.send({ kind: 'finish' });
  }
  stop(): Promise<void> {
    return this.#child.stop();
  }

  #ask<K extends 'done' | 'joint-done' | 'compressed' | 'tall' | 'predicted' | 'predicted-many' | 'doctor'>(request: object, wanted: K, onEvent: (event: TrainerEvent) => void = () => undefined): Promise<EventOf<K>> {
    return new Promise((resolve, reject) => {
      const finish = (): void => {
        offEnd();
        offMessage();
      };
      const offMessage = this.#child.onMessage((message) => {
        const event = message as TrainerEvent;
        try {
          onEvent(event);
        } catch (error) {
          // What the owner cannot store (a full disk, NaN) ends the job; thrown on, it would end the owner.
          finish();
          reject(error instanceof Error ? error : new Error(String(error)));
          return;
        }
        if (event.kind === wanted) {
          finish();
          resolve(event as EventOf<K>);
        } else if (event.kind === 'failed') {
          finish();
          reject(errorFromEnvelope(event.error));
        } else if (event.kind === 'cancelled') {
          finish();
          reject(new TapsError('cancelled', 'The run was cancelled.', 'Resume it with --resume.'));
        }
      });
      const offEnd = this.#child.onEnd((error) => {
        finish();
        reject(error);
      });
      this.#child.send(request);
    });
  }
}
