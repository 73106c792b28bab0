/**
 * @file A child process and everything its owner must watch: crash, silence, memory, a clean end. A failure of the child becomes a
 * `TapsError` of whoever waits for it; the owner goes on.
 */
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { fileURLToPath } from 'node:url';
import { TapsError } from '../contract/errors.ts';
import { spawnChild, type SpawnedChild } from './spawn-child.ts';

export type ChildEntry = 'trainer' | 'codec' | 'model-io';

export interface ChildOptions {
  /** Silence after which the child counts as hung; 0 = never. Only children that send heartbeats are watched. */
  silenceMs?: number;
  /** Resident memory above which the child is ended; default 85 % of the machine's. */
  residentLimitBytes?: number;
  /** File to run instead of the entry (tests). */
  file?: string;
}

const STDERR_KEPT = 8_000;
const WATCH_INTERVAL_MS = 1_000;
const KILL_GRACE_MS = 5_000;
/** A process of the child's own may keep its stderr open. */
const WORDS_GRACE_MS = 500;
const SMALLER = 'Use a smaller batch (with --accumulate for the same effective batch) or a smaller image size.';
/** What V8 says before it ends a process. */
const HEAP_WORDS = /(?:JavaScript heap|V8 process) out of memory/u;

/** TypeScript sources run as they are; a build has JavaScript beside this file. */
function entryFile(entry: ChildEntry): string {
  const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
  return fileURLToPath(new URL(`../${entry}/main.${extension}`, import.meta.url));
}

export class OwnedChild {
  readonly #process: SpawnedChild;
  readonly #name: string;
  readonly #messageListeners = new Set<(message: unknown) => void>();
  readonly #endListeners = new Set<(error: TapsError) => void>();
  readonly #watch: NodeJS.Timeout;
  readonly #onOwnerExit: () => void;
  #stderr = '';
  #lastSign = Date.now();
  #reason: TapsError | undefined;
  #ended: TapsError | undefined;

  constructor(entry: ChildEntry, options: ChildOptions = {}) {
    this.#name = entry;
    this.#process = spawnChild(options.file ?? entryFile(entry), entry);
    this.#process.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-STDERR_KEPT);
      if (process.env['TAPS_DEBUG'] !== undefined) process.stderr.write(chunk);
    });
    this.#process.onMessage((message) => {
      this.#lastSign = Date.now();
      for (const listener of [...this.#messageListeners]) listener(message);
    });
    this.#process.onError((error) => {
      this.#finish(new TapsError('child-crashed', `The ${entry} process could not be started: ${error.message}.`, 'Check free memory and try again.', { cause: error }));
    });
    this.#process.onExit((code, signal) => {
      void this.#lastWords().then(() => {
        this.#finish(this.#reason ?? this.#exitError(code, signal));
      });
    });
    const { silenceMs = 0, residentLimitBytes = totalmem() * 0.85 } = options;
    this.#watch = setInterval(() => {
      this.#check(silenceMs, residentLimitBytes);
    }, WATCH_INTERVAL_MS);
    this.#watch.unref();
    this.#onOwnerExit = () => {
      this.#process.kill();
    };
    process.once('exit', this.#onOwnerExit);
  }

  get pid(): number {
    return this.#process.pid;
  }

  send(message: object): void {
    if (this.#ended !== undefined) return;
    this.#process.send(message);
  }

  /** Returns the function that ends the subscription. */
  onMessage(listener: (message: unknown) => void): () => void {
    this.#messageListeners.add(listener);
    return () => this.#messageListeners.delete(listener);
  }

  /** Called once, also for a child that has ended already. */
  onEnd(listener: (error: TapsError) => void): () => void {
    const ended = this.#ended;
    // Never before this returns: the caller has not stored the way to end its subscription yet.
    if (ended === undefined) this.#endListeners.add(listener);
    else
      queueMicrotask(() => {
        listener(ended);
      });
    return () => this.#endListeners.delete(listener);
  }

  /** Asks politely, then insists. Resolves when the process is gone. */
  stop(): Promise<void> {
    return new Promise((resolve) => {
      this.onEnd(() => {
        resolve();
      });
      if (this.#ended !== undefined) return;
      this.#reason ??= new TapsError('cancelled', `The ${this.#name} process was stopped.`, '');
      this.#process.leave();
      setTimeout(() => {
        this.#process.kill();
      }, KILL_GRACE_MS).unref();
    });
  }

  /** Ends the child at once, for the given reason. */
  kill(reason: TapsError): void {
    this.#reason ??= reason;
    this.#process.kill();
  }

  #check(silenceMs: number, residentLimitBytes: number): void {
    if (silenceMs > 0 && Date.now() - this.#lastSign > silenceMs) {
      this.kill(new TapsError('child-crashed', `The ${this.#name} process gave no sign of life for ${String(Math.round(silenceMs / 1000))} s and was ended.`, 'Resume the run; it goes on from its last checkpoint.'));
    }
    const resident = this.#process.residentBytes?.() ?? residentBytes(this.pid);
    if (resident > residentLimitBytes) {
      this.kill(new TapsError('out-of-memory', `The ${this.#name} process used ${String(Math.round(resident / 2 ** 20))} MiB, more than its limit of ${String(Math.round(residentLimitBytes / 2 ** 20))} MiB, and was ended.`, SMALLER));
    }
  }

  /** What a child says before it ends may arrive after the news of its end. */
  #lastWords(): Promise<void> {
    const { stderr } = this.#process;
    // One that was told to end has nothing to explain.
    if (this.#reason !== undefined || stderr === null || stderr.readableEnded || stderr.destroyed) return Promise.resolve();
    return new Promise((resolve) => {
      stderr.once('end', resolve);
      setTimeout(resolve, WORDS_GRACE_MS).unref();
    });
  }

  #exitError(code: number | null, signal: NodeJS.Signals | null): TapsError {
    if (HEAP_WORDS.test(this.#stderr)) return new TapsError('out-of-memory', `The ${this.#name} process ran out of memory for JavaScript and ended.`, SMALLER, { details: { code, signal } });
    const how = signal === null ? `with exit code ${String(code)}` : `by ${signal}`;
    const last = this.#stderr.trim().split('\n').filter((line) => line.trim() !== '').slice(-6).join('\n');
    return new TapsError('child-crashed', `The ${this.#name} process ended ${how}.${last === '' ? '' : ` Its last words:\n${last}`}`, 'Try again; a training run resumes from its last checkpoint.', { details: { code, signal } });
  }

  #finish(error: TapsError): void {
    if (this.#ended !== undefined) return;
    this.#ended = error;
    clearInterval(this.#watch);
    process.off('exit', this.#onOwnerExit);
    for (const listener of this.#endListeners) listener(error);
    this.#endListeners.clear();
    this.#messageListeners.clear();
  }
}

/** 0 where the platform does not tell; the child's own heartbeat covers those. */
function residentBytes(pid: number): number {
  if (process.platform !== 'linux' || pid === 0) return 0;
  try {
    const pages = readFileSync(`/proc/${String(pid)}/statm`, 'utf8').split(' ')[1];
    return Number(pages) * 4096;
  } catch {
    return 0;
  }
}
