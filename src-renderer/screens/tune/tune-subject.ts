/** @file What is being tuned: the run's settings with the facts they are judged by. */
import type { TrainConfig } from '../../../src-main/contract/training.ts';

export interface TuneSubject {
  /** A reactive object; changed in place. */
  config: TrainConfig;
  baseId: string | null;
  /** 0 while unknown. */
  classes: number;
  trainImages: number;
  validationImages: number;
  /** After every change. */
  changed: () => void;
}
