/** @file What the outside may ask of a running loop. */

export class LoopControl {
  #cancelled = false;
  #paused = false;
  #finishing = false;
  #wake: (() => void) | undefined;
  readonly #onPause: (paused: boolean) => void;

  /** @param onPause told when the loop really stands still, and when it goes on */
  constructor(onPause: (paused: boolean) => void = () => undefined) {
    this.#onPause = onPause;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }
  cancel(): void {
    this.#cancelled = true;
    this.resume();
  }
  /** Whether training is to end after the current step, with what was best so far as its result. */
  get finishing(): boolean {
    return this.#finishing;
  }
  finish(): void {
    this.#finishing = true;
    this.resume();
  }
  pause(): void {
    this.#paused = true;
  }
  resume(): void {
    this.#paused = false;
    this.#wake?.();
  }

  /** Lets messages in; waits while paused. Engines compute synchronously, so a loop that never breathes hears nothing. */
  async breathe(): Promise<void> {
    await new Promise<void>((resolve) => setImmediate(resolve));
    if (!this.#paused) return;
    this.#onPause(true);
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
    this.#onPause(false);
  }
}
