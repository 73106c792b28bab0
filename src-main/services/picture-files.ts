/**
 * @file Small pictures for showing, made on demand and kept in the cache. One codec child serves all requests: it is started by the
 * first, ended when nothing was asked for a minute, and replaced when it crashes.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { ThumbnailResult } from '../codec/protocol.ts';
import { TapsError } from '../contract/errors.ts';
import type { ChildOptions } from '../supervisor/owned-child.ts';
import { RequestChild } from '../supervisor/request-child.ts';
import type { Library } from './open-library.ts';

export const PICTURE_SIZES = [96, 256, 768] as const;
export type PictureSize = (typeof PICTURE_SIZES)[number];

export interface PictureRequest {
  /** Absolute path of the original. */
  path: string;
  /** Hex, where it is known: saves reading the original once the small picture is there, and refuses a file that has changed. */
  sha256?: string;
  /** Longer side in pixels at most. */
  size: PictureSize;
}

export interface PictureFile {
  /** Absolute. */
  file: string;
  contentType: 'image/webp';
}

export interface PictureFilesOptions {
  /** Time without requests after which the child is ended. */
  idleMs?: number;
  /** Time after which a picture counts as one that the decoder cannot handle. */
  timeoutMs?: number;
  /** For tests. */
  child?: ChildOptions;
}

/** Pictures decoded at a time: the child has as many threads to do it in. */
const PARALLEL = 4;
/** Codes of a child that has ended, whoever ended it. */
const ENDED: readonly string[] = ['child-crashed', 'cancelled', 'out-of-memory'];

interface Job {
  key: string;
  request: PictureRequest;
  /** The child ended while it had this picture: the next time it gets it alone. */
  suspect: boolean;
  resolve(file: string): void;
  reject(error: unknown): void;
}

export class PictureFiles {
  readonly #folder: string;
  readonly #options: Required<PictureFilesOptions>;
  readonly #waiting: Job[] = [];
  readonly #running = new Set<Job>();
  /** By what was asked for: the same picture is made once for all who ask meanwhile. */
  readonly #promised = new Map<string, Promise<string>>();
  #child: RequestChild | undefined;
  #idle: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(library: Pick<Library, 'cacheFolder'>, { idleMs = 60_000, timeoutMs = 30_000, child = {} }: PictureFilesOptions = {}) {
    this.#folder = join(library.cacheFolder, 'thumbs');
    this.#options = { idleMs, timeoutMs, child };
  }

  /** @throws TapsError `image-unreadable`, `not-found`, `dataset-changed`, `disk-full`, …; `cancelled` when closed meanwhile */
  async pictureFile(request: PictureRequest): Promise<PictureFile> {
    const { path, sha256, size } = request;
    const folder = join(this.#folder, String(size));
    if (sha256 !== undefined) {
      if (!/^[0-9a-f]{64}$/.test(sha256)) throw new TapsError('not-found', `There is no picture ${JSON.stringify(sha256)}.`, 'Choose a picture of the dataset.');
      const file = join(folder, sha256.slice(0, 2), `${sha256}.webp`);
      if ((await stat(file).catch(() => undefined))?.isFile() === true) return { file, contentType: 'image/webp' };
    }
    const key = JSON.stringify([path, sha256 ?? null, size]);
    let promise = this.#promised.get(key);
    if (promise === undefined) {
      promise = this.#enqueue(key, request).finally(() => this.#promised.delete(key));
      this.#promised.set(key, promise);
    }
    return { file: await promise, contentType: 'image/webp' };
  }

  /** Ends the child; what was waiting is `cancelled`. Later requests are refused. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#idle);
    for (const job of this.#waiting.splice(0)) job.reject(closedError());
    const child = this.#child;
    this.#child = undefined;
    await child?.stop();
  }

  #enqueue(key: string, request: PictureRequest): Promise<string> {
    return new Promise((resolve, reject) => {
      if (this.#closed) {
        reject(closedError());
        return;
      }
      this.#waiting.push({ key, request, suspect: false, resolve, reject });
      this.#work();
    });
  }

  #work(): void {
    clearTimeout(this.#idle);
    for (let job = this.#next(); job !== undefined; job = this.#next()) {
      const running = job;
      this.#running.add(running);
      void this.#run(running).finally(() => {
        this.#running.delete(running);
        this.#work();
      });
    }
    if (this.#running.size === 0 && !this.#closed) this.#startIdleClock();
  }

  /** What can be started now. The newest first: it is what is on the screen. Suspects last, and alone. */
  #next(): Job | undefined {
    if (this.#running.size >= PARALLEL || [...this.#running].some(({ suspect }) => suspect)) return undefined;
    const at = this.#waiting.findLastIndex(({ suspect }) => !suspect);
    if (at >= 0) return this.#waiting.splice(at, 1)[0];
    return this.#running.size === 0 ? this.#waiting.shift() : undefined;
  }

  async #run(job: Job): Promise<void> {
    const { path, sha256 = null, size } = job.request;
    const child = (this.#child ??= new RequestChild('codec', this.#options.child));
    try {
      const answer = await child.request('thumbnail', { path, sha256, size, folder: join(this.#folder, String(size)) }, { signal: AbortSignal.timeout(this.#options.timeoutMs) });
      job.resolve((answer as ThumbnailResult).file);
    } catch (error) {
      if (!(error instanceof TapsError && ENDED.includes(error.code))) {
        job.reject(error);
        return;
      }
      if (this.#child === child) this.#child = undefined;
      if (this.#closed) job.reject(closedError());
      else if (job.suspect) job.reject(this.#defeat(path, error));
      else this.#waiting.push({ ...job, suspect: true });
    }
  }

  #defeat(path: string, error: TapsError): TapsError {
    // Nobody else ends the child of an open `PictureFiles`.
    const reason = error.code === 'cancelled' ? `it took longer than ${String(this.#options.timeoutMs / 1000)} s` : `the decoder failed on it (${error.message})`;
    return new TapsError('image-unreadable', `${path} cannot be shown: ${reason}.`, 'Replace or remove the file.', { cause: error });
  }

  #startIdleClock(): void {
    this.#idle = setTimeout(() => {
      const child = this.#child;
      this.#child = undefined;
      void child?.stop();
    }, this.#options.idleMs);
    this.#idle.unref();
  }
}

function closedError(): TapsError {
  return new TapsError('cancelled', 'The library was closed.', 'Open it again.');
}

const ofLibrary = new WeakMap<Library, PictureFiles>();

/** From the library's own `PictureFiles`, which is made by the first call. */
export function pictureFile(library: Library, request: PictureRequest): Promise<PictureFile> {
  let files = ofLibrary.get(library);
  if (files === undefined) {
    files = new PictureFiles(library);
    ofLibrary.set(library, files);
  }
  return files.pictureFile(request);
}

/** Before the library closes. */
export async function closePictureFiles(library: Library): Promise<void> {
  const files = ofLibrary.get(library);
  ofLibrary.delete(library);
  await files?.close();
}
