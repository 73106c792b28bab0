/** @file A joint run on the terminal: a bar where lines can be rewritten, one plain line per epoch elsewhere. */
import type { JointEpoch, JointProgress, JointVariant } from '../../contract/joint.ts';
import type { TrainerEvent } from '../../contract/trainer-protocol.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { bar } from './progress.ts';
import type { Terminal } from './terminal.ts';
import { recoveryLine } from './training-display.ts';

const STAGES: Partial<Record<Extract<TrainerEvent, { kind: 'stage' }>['stage'], string>> = {
  loading: 'loading the base',
  compiling: 'compiling the training step',
  evaluating: 'evaluating',
  saving: 'saving',
};

export class JointDisplay {
  readonly #terminal: Terminal;
  readonly #label: string;
  readonly #names: readonly string[];
  readonly #gates: boolean;
  readonly #epochs: number;

  /** @param names of the tasks, in the run's order @param epochs of the joint stage */
  constructor(terminal: Terminal, label: string, names: readonly string[], variant: JointVariant, epochs: number) {
    this.#terminal = terminal;
    this.#label = label;
    this.#names = names;
    this.#gates = variant === 'exact';
    this.#epochs = epochs;
  }

  event(event: TrainerEvent): void {
    switch (event.kind) {
      case 'stage': {
        const stage = STAGES[event.stage];
        if (stage !== undefined) this.#terminal.live(`${this.#label}: ${stage} …`);
        break;
      }
      case 'joint-memory': {
        const { neededBytes, availableBytes, bytesPerTask } = event.memory;
        this.#terminal.note(`${this.#label}: needs about ${formatBytes(neededBytes)} of memory (${formatBytes(bytesPerTask)} for every task), ${formatBytes(availableBytes)} are free`);
        break;
      }
      case 'joint-progress':
        this.#terminal.live(`${bar(event.progress.steps === 0 ? 0 : event.progress.step / event.progress.steps)} ${this.#label}: ${this.#progressLine(event.progress)}`);
        break;
      case 'joint-epoch':
        // On a terminal the bar says it all; elsewhere this is the record.
        if (!this.#terminal.interactive) this.#terminal.note(`${this.#label}: ${this.#epochLine(event.epoch)}`);
        break;
      case 'recovery':
        this.#terminal.warn(`${this.#label}: ${recoveryLine(event.recovery)}`);
        break;
      default:
        break;
    }
  }

  #progressLine(progress: JointProgress): string {
    const parts = [`epoch ${progress.epoch + 1}/${progress.epochs}`];
    if (progress.etaSeconds !== null) parts.push(`${formatDuration(progress.etaSeconds)} left`);
    parts.push(`loss ${progress.loss.toFixed(3)}`);
    if (this.#gates) parts.push(`open ${progress.openLayers}/${progress.totalLayers}`);
    if (progress.validationAccuracy !== null) parts.push(`validation ${formatPercent(progress.validationAccuracy)}`);
    parts.push(`step ${progress.step}/${progress.steps}`);
    return parts.join(' · ');
  }

  #epochLine({ epoch, validationAccuracy, tasks }: JointEpoch): string {
    const ofTasks = tasks.map(({ validationAccuracy: own, openLayers, scores }, index) => `${this.#names[index] ?? ''} ${formatPercent(own)}${this.#gates ? ` open ${openLayers}/${scores.length}` : ''}`);
    return [`epoch ${String(epoch + 1).padStart(String(this.#epochs).length)}/${this.#epochs}`, `validation ${formatPercent(validationAccuracy)}`, ...ofTasks].join(' · ');
  }
}
