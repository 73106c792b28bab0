/** @file The run that is going: what is known of it beside its record, and what can be asked of it. */
import type { RunRecord } from '../../contract/records.ts';
import type { RunStage } from '../../contract/studio/runs.ts';
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { Recovery, TrainProgress } from '../../contract/training.ts';
import { TrainControl } from '../../services/train-control.ts';

export class ActiveRun {
  readonly id: string;
  readonly control: TrainControl;
  readonly #abort: AbortController;
  stage: RunStage = 'decoding';
  decoded: { done: number; total: number } | null = null;
  progress: TrainProgress | null = null;
  /** How it went on after memory did not suffice or a GPU was lost, oldest first. */
  recoveries: readonly Recovery[] = [];
  /** Stands still by a person's wish; before training begins, the wish waits with it. */
  paused = false;
  /** Epochs that are stored: a resumed trainer tells them again. */
  #epochs: number;

  /** @param control of its trainer, where that was asked for before the run was @param abort what stops it, where that stops others too */
  constructor(run: RunRecord, control = new TrainControl(), abort = new AbortController()) {
    this.id = run.id;
    this.control = control;
    this.#abort = abort;
    this.#epochs = run.metrics.length;
  }

  get signal(): AbortSignal {
    return this.#abort.signal;
  }

  /** Stops after the current step with a checkpoint. */
  stop(): void {
    this.#abort.abort();
  }

  get stopping(): boolean {
    return this.#abort.signal.aborted || this.control.finishing;
  }

  /** Whether ending early would leave a result worth having. */
  get hasLearnt(): boolean {
    return this.#epochs > 0 || this.progress !== null;
  }

  /** Takes an event in. Returns whether it is news: `epoch` for an epoch not told before, `stage`, `progress`, null. */
  take(event: TrainerEvent): 'epoch' | 'stage' | 'progress' | null {
    switch (event.kind) {
      case 'stage':
        this.stage = event.stage;
        return 'stage';
      case 'paused':
      case 'resumed':
        this.paused = event.kind === 'paused';
        return 'stage';
      case 'recovery':
        this.recoveries = [...this.recoveries, event.recovery];
        return 'stage';
      case 'progress':
        this.progress = event.progress;
        return 'progress';
      case 'heartbeat':
        if (this.progress === null) return null;
        this.progress = { ...this.progress, residentBytes: event.residentBytes };
        return 'progress';
      case 'epoch':
        if (event.metrics.epoch < this.#epochs) return null;
        this.#epochs = event.metrics.epoch + 1;
        return 'epoch';
      default:
        return null;
    }
  }
}
