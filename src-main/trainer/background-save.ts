/** @file Checkpoints that are written while training goes on. */

/**
 * One save at a time: the next one waits for it. What is given to be saved must not change afterwards. A failure is thrown by whatever is
 * called next.
 */
export class BackgroundSave<Value> {
  readonly #save: (value: Value) => Promise<void>;
  #running: Promise<void> = Promise.resolve();
  #failure: { error: unknown } | null = null;

  /** @param save durable when it resolves */
  constructor(save: (value: Value) => Promise<void>) {
    this.#save = save;
  }

  /** Resolves when the save has begun. */
  async begin(value: Value): Promise<void> {
    await this.done();
    this.#running = this.#save(value).catch((error: unknown) => {
      this.#failure = { error };
    });
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
