/** @file Owner's side of request and reply: a child is started for a piece of work and stopped after it. */
import { errorFromEnvelope, TapsError } from '../contract/errors.ts';
import { OwnedChild, type ChildEntry, type ChildOptions } from './owned-child.ts';
import type { ChildReply, ChildRequest, Progress } from './request-protocol.ts';

export interface RequestOptions {
  onProgress?: Progress;
  signal?: AbortSignal;
}

export class RequestChild {
  readonly #child: OwnedChild;
  #nextId = 1;

  constructor(entry: ChildEntry, options: ChildOptions = {}) {
    this.#child = new OwnedChild(entry, options);
  }

  /** @throws TapsError of the child, or `child-crashed`, or `cancelled` (the child is then ended) */
  request(kind: string, payload: unknown, options: RequestOptions = {}): Promise<unknown> {
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const offEnd = this.#child.onEnd((error) => {
        finish();
        reject(error);
      });
      const offMessage = this.#child.onMessage((message) => {
        const reply = message as ChildReply;
        if (reply.id !== id) return;
        if ('progress' in reply) {
          try {
            options.onProgress?.(reply.progress.done, reply.progress.total);
          } catch (error) {
            // A caller may stop the work from its progress; thrown on, it would end the owner.
            finish();
            reject(error instanceof Error ? error : new Error(String(error)));
          }
        } else {
          finish();
          if (reply.ok) resolve(reply.value);
          else reject(errorFromEnvelope(reply.error));
        }
      });
      const onAbort = (): void => {
        this.#child.kill(new TapsError('cancelled', 'The work was cancelled.', 'Start it again when you are ready.'));
      };
      const finish = (): void => {
        offEnd();
        offMessage();
        options.signal?.removeEventListener('abort', onAbort);
      };
      options.signal?.addEventListener('abort', onAbort);
      if (options.signal?.aborted === true) onAbort();
      this.#child.send({ id, kind, payload } satisfies ChildRequest);
    });
  }

  stop(): Promise<void> {
    return this.#child.stop();
  }
}

/** Runs `work` with a fresh child and stops it whatever happens. */
export async function withRequestChild<T>(entry: ChildEntry, work: (child: RequestChild) => Promise<T>, options: ChildOptions = {}): Promise<T> {
  const child = new RequestChild(entry, options);
  try {
    return await work(child);
  } finally {
    await child.stop();
  }
}
