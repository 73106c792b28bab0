/** @file What a person may ask of a run that is going: valid before its trainer is there, harmless after it is gone. */
import type { TrainerClient } from '../supervisor/trainer-client.ts';

export class TrainControl {
  #trainer: Pick<TrainerClient, 'pause' | 'resume' | 'finish' | 'stop'> | null = null;
  #paused = false;
  #finishing = false;

  get finishing(): boolean {
    return this.#finishing;
  }

  pause(): void {
    this.#paused = true;
    this.#trainer?.pause();
  }

  resume(): void {
    this.#paused = false;
    this.#trainer?.resume();
  }

  /** The run ends after the current step with the best epoch so far as its result. */
  finish(): void {
    this.#finishing = true;
    this.#paused = false;
    this.#trainer?.finish();
  }

  /** Passes on what was asked before the trainer was there. */
  attach(trainer: Pick<TrainerClient, 'pause' | 'resume' | 'finish' | 'stop'>): void {
    this.#trainer = trainer;
    if (this.#finishing) trainer.finish();
    else if (this.#paused) trainer.pause();
  }

  /** Does not wait for the current step: the trainer is asked to go and, if it does not, ended. */
  abandon(): void {
    void this.#trainer?.stop();
  }

  detach(): void {
    this.#trainer = null;
  }
}
