/** @file What is being tuned: the run's settings with the facts they are judged by. */
import type { TrainConfig } from '../../../src-main/contract/training.ts';

export interface TuneSubject {
  /** A reactive object; changed in place. */
  config: TrainConfig;
  baseId: string | null;
  /** Empty while unknown. */
  classNames: readonly string[];
  trainImages: number;
  validationImages: number;
  /** Validation accuracy, 0..1, of full fine-tuning of this task on these pictures; null where there is none. */
  reference: number | null;
  /** Told whether something is asked for that cannot be had. */
  blocked?: (blocked: boolean) => void;
  /** After every change. */
  changed: () => void;
}
