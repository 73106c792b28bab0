/** @file Checkpoints that are written while training goes on. */

/** At most so much work is lost by a kill. */
const MOST_LOST_MS = 30_000;
const CHEAP_MS = 250;

/**
 * One save at a time: the next one waits for it. What is given to be saved must not change afterwards. A failure is thrown by whatever is
 * called next.
 */
export class BackgroundSave<Value> {
  readonly #save: (value: Value) => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #begun = performance.now();
  /** What the last save that has ended took. */
  #costMs = 0;
  #busy = false;
  #failure: { error: unknown } | null = null;

  /** @param save durable when it resolves */
  constructor(save: (value: Value) => Promise<void>) {
    this.#save = save;
  }

  /** Resolves when the save has begun. */
  async begin(value: Value): Promise<void> {
    await this.done();
    this.#begun = performance.now();
    this.#running = this.#timed(value).catch((error: unknown) => {
      this.#failure = { error };
    });
  }

  async #timed(value: Value): Promise<void> {
    this.#busy = true;
    try {
      await this.#save(value);
    } finally {
      this.#busy = false;
      this.#costMs = this.#ageMs;
    }
  }

  /** Whether work must be saved wherever it is. */
  get isDue(): boolean {
    return this.#ageMs > MOST_LOST_MS;
  }

  /** Whether a save is worth its time at the end of an epoch: always where one takes no time worth mentioning, else for a tenth of the time. */
  get isWorthwhile(): boolean {
    // One that goes on takes at least what it took so far.
    const costMs = Math.max(this.#costMs, this.#busy ? this.#ageMs : 0);
    return costMs <= CHEAP_MS || this.#ageMs >= Math.min(MOST_LOST_MS, 10 * costMs);
  }

  /** Since the last save began, or since this was made. */
  get #ageMs(): number {
    return performance.now() - this.#begun;
  }

  /** Throws if a save has failed, without waiting for one. */
  check(): void {
    if (this.#failure !== null) throw this.#failure.error;
  }

  /** Resolves when everything is durable. */
  async done(): Promise<void> {
    await this.#running;
    this.check();
  }

  /** Does the work, and ends when everything that it began to save is durable, however it ends; its own failure goes first. */
  async around<Outcome>(work: () => Promise<Outcome>): Promise<Outcome> {
    try {
      const outcome = await work();
      await this.done();
      return outcome;
    } finally {
      await this.#running;
    }
  }
}
