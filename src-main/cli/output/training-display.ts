/** @file The trainer's events on the terminal: a bar where lines can be rewritten, one plain line per epoch elsewhere. */
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import type { EpochMetrics, Recovery, SmallerBatch, TrainProgress } from '../../contract/training.ts';
import { bar, epochLine, progressLine } from './progress.ts';
import type { Terminal } from './terminal.ts';

const STAGES: Partial<Record<Extract<TrainerEvent, { kind: 'stage' }>['stage'], string>> = {
  loading: 'loading the base',
  compiling: 'compiling the training step',
  evaluating: 'evaluating',
  saving: 'saving',
};

export class TrainingDisplay {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #gates: boolean;
  readonly #brief: boolean;
  #epochs: number;
  #totalLayers = 0;

  /**
   * @param label starts every line: which task and method this is
   * @param gates whether open layers are worth showing
   * @param brief no line per epoch: one of many runs
   */
  constructor(terminal: Terminal, label: string, epochs: number, gates: boolean, brief = false) {
    this.#terminal = terminal;
    this.#label = label;
    this.#epochs = epochs;
    this.#gates = gates;
    this.#brief = brief;
  }

  event(event: TrainerEvent): void {
    switch (event.kind) {
      case 'stage': {
        const stage = STAGES[event.stage];
        if (stage !== undefined) this.#terminal.live(`${this.#label}: ${stage} …`);
        break;
      }
      case 'progress':
        this.#progress(event.progress);
        break;
      case 'epoch':
        this.#epoch(event.metrics);
        break;
      case 'recovery':
        this.#terminal.warn(`${this.#label}: ${recoveryLine(event.recovery)}`);
        break;
      default:
        break;
    }
  }

  #progress(progress: TrainProgress): void {
    this.#totalLayers = progress.totalLayers;
    // A path has more passes than a single run with its settings.
    this.#epochs = progress.epochs;
    const fraction = progress.steps === 0 ? 0 : progress.step / progress.steps;
    this.#terminal.live(`${bar(fraction)} ${this.#label}: ${progressLine(progress, this.#gates)}`);
  }

  /** On a terminal the bar says it all; elsewhere this is the record. */
  #epoch(metrics: EpochMetrics): void {
    if (this.#terminal.interactive || this.#brief) return;
    const total = Math.max(this.#totalLayers, metrics.scores.length);
    this.#terminal.note(`${this.#label}: ${epochLine(metrics, this.#epochs, total, this.#gates)}`);
  }
}

/** How a run goes on by itself after a failure. */
export function recoveryLine({ reason, batchSize, accumulate, message }: Recovery): string {
  if (reason === 'device-lost') return `${message} Going on from the last checkpoint in a fresh process.`;
  return `${message} Going on with ${String(accumulate)} micro-batches of ${String(batchSize)} per step, the same ${String(accumulate * batchSize)} pictures.`;
}

/** How predictions and compression went on where memory did not suffice. */
export function smallerBatchLine({ batchSize, message }: SmallerBatch): string {
  return `${message} Went on with ${batchSize === 1 ? 'one picture at a time' : `${String(batchSize)} pictures at once`}; the answers are the same.`;
}
