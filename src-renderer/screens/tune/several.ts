/** @file Several runs at once: which seeds and λ were typed, and what comes of them. Pure. */
import { seedSchema } from '../../../src-main/contract/studio/images.ts';
import { MOST_SWEEP_RUNS } from '../../../src-main/contract/studio/sweeps.ts';
import { trainConfigSchema, type TrainConfig } from '../../../src-main/contract/training.ts';
import { goalOf } from './goal.ts';
import { parseNumberList, type NumberList } from './number-list.ts';

/** As it is typed. */
export interface Several {
  seeds: string;
  lambdas: string;
  /** Two trainers at a time, while memory allows. */
  two: boolean;
}

export const NOTHING_SEVERAL: Several = { seeds: '', lambdas: '', two: false };

export interface SeveralPlan {
  seeds: NumberList;
  lambdas: NumberList;
  runs: number;
  /** Nothing stands against it. */
  possible: boolean;
}

/** λ vary where a λ is given. */
export function hasLambda(config: TrainConfig): boolean {
  return config.method === 'taps' && goalOf(config) === 'penalty';
}

/** null when nothing several is asked for: one run, as its settings say. */
export function severalPlan(typed: Several, config: TrainConfig): SeveralPlan | null {
  const lambda = trainConfigSchema.shape.lambda;
  const seeds = parseNumberList(typed.seeds, (value) => seedSchema.safeParse(value).success);
  const lambdas = parseNumberList(hasLambda(config) ? typed.lambdas : '', (value) => lambda.safeParse(value).success);
  const asked = [seeds, lambdas].some(({ values, wrong }) => values.length > 0 || wrong !== null);
  if (!asked) return null;
  const runs = Math.max(1, seeds.values.length) * Math.max(1, lambdas.values.length);
  return { seeds, lambdas, runs, possible: seeds.wrong === null && lambdas.wrong === null && runs <= MOST_SWEEP_RUNS };
}
