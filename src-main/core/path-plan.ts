/** @file A path before it is run: which λ it goes through, where a person wants λ, and how its epochs are divided. */
import type { PathPlan } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { TrainConfig } from '../contract/training.ts';

/** Passes of a path for one pass of a single run. Most of them have few open layers and cost less: in time a path is about 1.1 to 1.5 runs. */
export const PATH_PASSES = 1.75;
/** Part of the passes in which the layers of every level are found, and learnt from where every level goes on. */
const SEARCH_SHARE = 0.4;

/** How the epochs of a path are divided: a search, then the levels from the strongest λ to the weakest. */
export interface PathEpochs {
  search: number;
  /** Of the first level that is learnt, the strongest. */
  first: number;
  /** Of every other one. */
  perLevel: number;
  total: number;
}

/** Epochs of a run below which a path has not one epoch per level. */
export function fewestPathEpochs(levels: number): number {
  return Math.max(1, Math.floor(levels / PATH_PASSES) + 1);
}

/** @throws TapsError `invalid-config` when there are not enough epochs for one per level */
export function pathEpochs(epochs: number, levels: number): PathEpochs {
  const total = Math.ceil(PATH_PASSES * epochs);
  if (total < levels + 1) {
    throw new TapsError('invalid-config', `A path of ${String(levels)} levels needs at least ${String(fewestPathEpochs(levels))} epochs; ${String(epochs)} were given.`, 'Give more epochs or fewer levels.');
  }
  const search = Math.max(1, Math.min(Math.floor(SEARCH_SHARE * total), total - levels));
  const growth = total - search;
  // The first level starts from the search alone and gets what is left over: never less than the others.
  const perLevel = Math.max(1, Math.min(Math.floor(growth / levels), Math.round(growth / (levels + 1))));
  return { search, first: growth - (levels - 1) * perLevel, perLevel, total };
}

/** Epochs of a level, from 0; the last one excluded. @param level 0 is the weakest λ */
export function levelEpochs({ search, first, perLevel }: PathEpochs, level: number, levels: number): { from: number; to: number } {
  const place = levels - 1 - level;
  return place === 0 ? { from: search, to: search + first } : { from: search + first + (place - 1) * perLevel, to: search + first + place * perLevel };
}

/** λ of a path's weakest and strongest level, where a person has not chosen. See `defaultPathRange`. */
export interface PathRange {
  from: number;
  to: number;
}

/** From a penalty that costs a layer little to one that leaves only what the task cannot do without. */
const PATH_SPAN = 100;

/** Mean rate of the search, relative to the run's. */
export const SEARCH_RATE = 0.7;
/** Part of the search without a penalty: what is learnt here is what a layer has when its level opens it again. */
export const SEARCH_FREE = 0.6;

/**
 * Range of λ that fits a run's rate and length: what a penalty does depends on λ·rate·steps, so its middle is put where the penalty
 * alone would move a score by the published distance from start to threshold within three levels of the search.
 * @param gatedLayers L
 * @param stepsPerEpoch optimiser steps, 1 or more
 * @param levels 2..64
 */
export function defaultPathRange(config: PathRates, gatedLayers: number, stepsPerEpoch: number, levels: number): PathRange {
  const rate = SEARCH_RATE * (config.scoreLearningRate ?? config.learningRate);
  const perStep = config.optimizer === 'sgd' ? rate / (1 - config.momentum) : rate;
  const distance = Math.max(config.scoreInit - config.threshold, 0.01);
  const search = Math.max(1, Math.floor(SEARCH_SHARE * Math.ceil(PATH_PASSES * config.epochs)));
  const steps = Math.max(1, (3 * (1 - SEARCH_FREE) * search * stepsPerEpoch) / levels);
  const middle = (distance * gatedLayers) / (perStep * steps);
  const from = clamp(middle / Math.sqrt(PATH_SPAN));
  return { from, to: Math.max(clamp(middle * Math.sqrt(PATH_SPAN)), 2 * from) };
}

/** What the range of λ depends on. */
export type PathRates = Pick<TrainConfig, 'learningRate' | 'scoreLearningRate' | 'momentum' | 'optimizer' | 'scoreInit' | 'threshold' | 'epochs'>;

const clamp = (lambda: number): number => Math.min(400, Math.max(1e-4, lambda));

/** Levels by their size. @param levels 2..64 @throws TapsError `invalid-config` */
export function sizesPlan(levels: number): PathPlan {
  refuseLevels(levels);
  return { sizes: levels };
}

/** Levels by λ. @param levels 2..64 @throws TapsError `invalid-config` */
export function pathPlan(levels: number, { from, to }: PathRange): PathPlan {
  refuseLevels(levels);
  if (!(from > 0) || to <= from || to > 1000) throw new TapsError('invalid-config', `A path cannot go from λ ${String(from)} to ${String(to)}.`, 'Give a λ above 0 and a larger one, up to 1000.');
  const lambdas = Array.from({ length: levels }, (_, level) => Number((from * (to / from) ** (level / (levels - 1))).toPrecision(4)));
  return { lambdas };
}

function refuseLevels(levels: number): void {
  if (!Number.isInteger(levels) || levels < 2 || levels > 64) throw new TapsError('invalid-config', `A path cannot have ${String(levels)} levels.`, 'Give from 2 to 64.');
}
