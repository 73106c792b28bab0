/** @file Jobs one after the other: the next one starts by itself. What waits is known here only; what it is about is in the library. */
import type { Job, Work } from './jobs.ts';

/** A step may take long; a trainer that is still there after this is ended and resumes from its last checkpoint. */
const CLOSE_GRACE_MS = 15_000;

type Maker<Kind extends Job['kind']> = (job: Extract<Job, { kind: Kind }>) => Work;

export class JobQueue {
  readonly #makers = new Map<Job['kind'], (job: never) => Work>();
  readonly #changed: (jobs: readonly Job[]) => void;
  #waiting: readonly Job[] = [];
  #current: Work | null = null;
  #ended: Promise<unknown> = Promise.resolve();
  #closing = false;

  /** @param changed told of jobs whose state or place in the queue is another one */
  constructor(changed: (jobs: readonly Job[]) => void) {
    this.#changed = changed;
  }

  /** Says how jobs of a kind are done. The function throws when there is nothing left to do: the job is then forgotten. */
  handle<Kind extends Job['kind']>(kind: Kind, make: Maker<Kind>): void {
    this.#makers.set(kind, make);
  }

  get current(): Work | null {
    return this.#current;
  }

  /** Next first. */
  get waiting(): readonly Job[] {
    return this.#waiting;
  }

  get closing(): boolean {
    return this.#closing;
  }

  get busy(): boolean {
    return this.#current !== null || this.#waiting.length > 0;
  }

  /** Whether it waits or goes. */
  has(kind: Job['kind'], id: string): boolean {
    return [...this.#waiting, ...(this.#current === null ? [] : [this.#current.job])].some((job) => job.kind === kind && job.id === id);
  }

  /** Counted from 0, among all that waits; null when it does not. */
  positionOf(kind: Job['kind'], id: string): number | null {
    const position = this.#waiting.findIndex((job) => job.kind === kind && job.id === id);
    return position < 0 ? null : position;
  }

  /** @param first before all that waits */
  add(job: Job, first = false): void {
    this.#waiting = first ? [job, ...this.#waiting] : [...this.#waiting, job];
    this.#startNext();
    this.#changed([job]);
  }

  /** Takes jobs out that wait. Returns those that were taken. */
  drop(unwanted: (job: Job) => boolean): Job[] {
    const gone = this.#waiting.filter(unwanted);
    this.#waiting = this.#waiting.filter((job) => !gone.includes(job));
    if (gone.length > 0) this.#changed([...gone, ...this.#waiting]);
    return gone;
  }

  /** @param position 0 is the next to start @returns false when no job of this id waits */
  move(id: string, position: number): boolean {
    const job = this.#waiting.find((waiting) => waiting.id === id);
    if (job === undefined) return false;
    this.#waiting = this.#waiting.filter((waiting) => waiting !== job).toSpliced(position, 0, job);
    this.#changed(this.#waiting);
    return true;
  }

  #startNext(): void {
    if (this.#closing || this.#current !== null) return;
    const [next, ...others] = this.#waiting;
    if (next === undefined) return;
    this.#waiting = others;
    try {
      this.#current = this.#make(next);
    } catch {
      // Removed meanwhile: the one after it is next.
      this.#startNext();
      return;
    }
    this.#ended = this.#current.go().finally(() => {
      this.#current = null;
      this.#startNext();
      const { current } = this;
      this.#changed([next, ...this.#waiting, ...(current === null ? [] : [current.job])]);
    });
  }

  #make(job: Job): Work {
    const make = this.#makers.get(job.kind);
    if (make === undefined) throw new Error(`Nobody does jobs of the kind ${job.kind}.`);
    return make(job as never);
  }

  /** Stops what goes, so that it can be gone on with, and forgets what waits. Returns what waited. */
  async close(): Promise<readonly Job[]> {
    this.#closing = true;
    const waiting = this.#waiting;
    this.#waiting = [];
    const current = this.#current;
    if (current === null) return waiting;
    current.stop();
    const insist = setTimeout(() => {
      current.abandon();
    }, CLOSE_GRACE_MS);
    await this.#ended;
    clearTimeout(insist);
    return waiting;
  }
}
