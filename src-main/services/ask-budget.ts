/** @file Budgets and paths as people ask for them → settings of a run. */
import type { Budget, PathPlan } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { TrainConfig } from '../contract/training.ts';
import type { Library } from './open-library.ts';

/** λ of a path's weakest and strongest level, where a person has not chosen. See `defaultPathRange`. */
export interface PathRange {
  from: number;
  to: number;
}

/** From a penalty that costs a layer little to one that leaves only what the task cannot do without. */
const PATH_SPAN = 100;

/**
 * Range of λ that fits a run's rate and length: what a penalty does depends on λ·rate·steps, so its middle is put where the penalty
 * alone would move a score by the published distance from start to threshold in one epoch at the mean rate of a level.
 * @param gatedLayers L
 * @param stepsPerEpoch optimiser steps, 1 or more
 */
export function defaultPathRange(config: Pick<TrainConfig, 'learningRate' | 'scoreLearningRate' | 'momentum' | 'optimizer' | 'scoreInit' | 'threshold'>, gatedLayers: number, stepsPerEpoch: number): PathRange {
  const rate = 0.2 * (config.scoreLearningRate ?? config.learningRate);
  const perStep = config.optimizer === 'sgd' ? rate / (1 - config.momentum) : rate;
  const distance = Math.max(config.scoreInit - config.threshold, 0.01);
  const middle = (distance * gatedLayers) / (perStep * stepsPerEpoch);
  const from = clamp(middle / Math.sqrt(PATH_SPAN));
  return { from, to: Math.max(clamp(middle * Math.sqrt(PATH_SPAN)), 2 * from) };
}

const clamp = (lambda: number): number => Math.min(400, Math.max(1e-4, lambda));

/** @param levels 2..64 @throws TapsError `invalid-config` */
export function pathPlan(levels: number, { from, to }: PathRange): PathPlan {
  if (!Number.isInteger(levels) || levels < 2 || levels > 64) throw new TapsError('invalid-config', `A path cannot have ${String(levels)} levels.`, 'Give from 2 to 64.');
  if (!(from > 0) || to <= from || to > 1000) throw new TapsError('invalid-config', `A path cannot go from λ ${String(from)} to ${String(to)}.`, 'Give a λ above 0 and a larger one, up to 1000.');
  const lambdas = Array.from({ length: levels }, (_, level) => Number((from * (to / from) ** (level / (levels - 1))).toPrecision(4)));
  return { lambdas };
}

/**
 * A limit against full fine-tuning: its newest finished run of the same task on the same pictures.
 * @param points percentage points of validation accuracy that may be lost, 0..100
 * @throws TapsError `not-found` when the task has no such run
 */
export function accuracyBudget(library: Library, taskName: string, points: number): Extract<Budget, { kind: 'accuracy' }> {
  const task = library.tasks.get(taskName);
  const [reference] = library.runs
    .heads({ taskId: task.id, status: 'done' })
    .filter(({ config, datasetId }) => config.method === 'full-fine-tuning' && (datasetId ?? task.datasetId) === task.datasetId)
    .flatMap(({ result }) => result ?? []);
  if (reference === undefined) {
    throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no finished full fine-tuning to compare with.`, `Run it first: taps train ${task.name} --method full.`);
  }
  return { kind: 'accuracy', points, reference: reference.validation.accuracy };
}

/** `at most 120000 bytes`, `at most 20 % of a full copy`, `at most 1 point below full fine-tuning (83.2 %)`. */
export function describeBudget(budget: Budget): string {
  switch (budget.kind) {
    case 'bytes':
      return `at most ${String(budget.bytes)} bytes`;
    case 'share':
      return `at most ${String(Number((100 * budget.share).toPrecision(4)))} % of a full copy`;
    case 'accuracy':
      return `at most ${String(budget.points)} ${budget.points === 1 ? 'point' : 'points'} below full fine-tuning (${(100 * budget.reference).toFixed(1)} % on validation)`;
  }
}
