/**
 * @file What a run is after, step by step: rates, penalty, which gates may move, which epochs may be kept. The training loop asks a
 * regime and knows no policy of its own; what a regime remembers is part of every checkpoint.
 */
import type { PathPlan } from '../contract/budget.ts';
import type { LayerState, TrainConfig } from '../contract/training.ts';
import { hyperparametersAt } from './schedule.ts';
import { isEligible } from './selection.ts';
import type { StepHyperparameters, TrainingSession } from './types.ts';

/** Plain JSON. */
export type RegimeMemory = Record<string, number | boolean | null>;

/** What a regime does with a session. */
export type GateHandling = Pick<TrainingSession, 'layers' | 'setGates' | 'fixGates' | 'restart'>;

export interface Regime {
  /** Passes over the training pictures in all. */
  readonly epochs: number;
  /** @param optimizerStep from 0 over the whole run */
  hyperparameters(optimizerStep: number): StepHyperparameters;
  /** Before an optimiser step: the place to move gates. Must do nothing when it is called again for a step it was called for. */
  before(optimizerStep: number, session: GateHandling): Promise<void>;
  /** After an optimiser step, with the gates as it left them. Only called where `watches`. */
  after(optimizerStep: number, layers: readonly LayerState[]): void;
  /** Whether `after` wants to be told of every step. */
  readonly watches: boolean;
  /** Whether the weights at the end of this epoch may be kept. */
  eligible(epoch: number): boolean;
  /** A person ends the run now: gates that must be fixed are, so that what is kept is what was asked for. */
  settle(optimizerStep: number, session: GateHandling): Promise<void>;
  /** Whether the gates are as they may be kept. */
  readonly settled: boolean;
  /** The level that ends with this epoch; null inside a level and for every other run. */
  levelEndingWith(epoch: number): number | null;
  /** Level that an epoch belongs to; 0 for every run that is no path. */
  levelOf(epoch: number): number;
  /** What a path's levels were asked for with; null for every other run. */
  readonly path: PathPlan | null;
  /** For the checkpoint; null when there is nothing to remember. */
  memory(): RegimeMemory | null;
}

/** The published course: cosine, λ after the warm-up. */
export function fixedRegime(config: TrainConfig, stepsPerEpoch: number): Regime {
  return {
    epochs: config.epochs,
    hyperparameters: (optimizerStep) => hyperparametersAt(config, optimizerStep, stepsPerEpoch),
    before: () => Promise.resolve(),
    after: () => undefined,
    watches: false,
    eligible: (epoch) => isEligible(epoch, config),
    settle: () => Promise.resolve(),
    settled: true,
    levelEndingWith: () => null,
    levelOf: () => 0,
    path: null,
    memory: () => null,
  };
}
