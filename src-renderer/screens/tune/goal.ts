/** @file What a TAPS run is asked for, as settings and back: a penalty, a budget, a path; and what cannot be held. Pure. */
import { BITS_WHEN_SMALLER, bytesOfBudget, levelsOf, pathSchema, type Budget, type PathPlan } from '../../../src-main/contract/budget.ts';
import { TapsError } from '../../../src-main/contract/errors.ts';
import type { BudgetBounds } from '../../../src-main/contract/studio/images.ts';
import type { TrainConfig } from '../../../src-main/contract/training.ts';
import { defaultPathRange, fewestPathEpochs, pathPlan, type PathRange } from '../../../src-main/core/path-plan.ts';
import { text } from '../../text/index.ts';

export const GOALS = ['penalty', 'budget', 'path'] as const;
export type Goal = (typeof GOALS)[number];

export const DEFAULT_LEVELS = 8;
const DEFAULT_SHARE = 0.2;
const LEAST_RATE = 1e-9;
const MOST_MOMENTUM = 0.9999;
export const MOST_LEVELS = 64;
export const FEWEST_LEVELS = 2;

export function goalOf({ budget, path }: Pick<TrainConfig, 'budget' | 'path'>): Goal {
  if (budget !== undefined) return 'budget';
  return path === undefined ? 'penalty' : 'path';
}

/** What λ of a path depends on. */
export interface PathFacts {
  gatedLayers: number;
  trainImages: number;
}


/** A range of λ that fits learning rate and length. What is out of range, such as a number half typed, counts as its end. @param levels 2..64 */
export function fittingRange(config: TrainConfig, levels: number, { gatedLayers, trainImages }: PathFacts): PathRange {
  const steps = Math.max(1, Math.floor(trainImages / Math.max(1, config.batchSize * config.accumulate)));
  const within = { ...config, learningRate: Math.max(LEAST_RATE, config.learningRate), momentum: Math.min(MOST_MOMENTUM, Math.max(0, config.momentum)) };
  return defaultPathRange(within, Math.max(1, gatedLayers), steps, levels);
}

/** λ of the weakest and the strongest level as a person gives them; null: as it fits the run. Without both, levels are told by their sizes. */
export interface TypedRange {
  from: number | null;
  to: number | null;
}

export const AUTOMATIC: TypedRange = { from: null, to: null };

/** A path over the range that was given, or what is wrong with it, in words. @param levels 2..64 */
export function pathOver(config: TrainConfig, levels: number, facts: PathFacts, { from, to }: TypedRange): { plan: PathPlan; problem: null } | { plan: null; problem: string } {
  if (from === null && to === null) return { plan: { sizes: levels }, problem: null };
  const fitting = fittingRange(config, levels, facts);
  try {
    const plan = pathPlan(levels, { from: from ?? fitting.from, to: to ?? fitting.to });
    // Ends that lie very close leave no room for so many different λ.
    const checked = pathSchema.safeParse(plan);
    return checked.success ? { plan, problem: null } : { plan: null, problem: text.goal.closeRange(levels) };
  } catch (error) {
    return { plan: null, problem: error instanceof TapsError ? `${error.message} ${error.advice}` : String(error) };
  }
}

/** The range of λ that a path was asked for with. */
export function rangeOf(config: Pick<TrainConfig, 'path'>): TypedRange {
  const { path } = config;
  if (path === undefined || 'sizes' in path) return AUTOMATIC;
  return { from: path.lambdas[0] ?? null, to: path.lambdas.at(-1) ?? null };
}

/** Changes `config` in place to what is asked for; what was asked for before is forgotten. */
export function setGoal(config: TrainConfig, goal: Goal): void {
  delete config.budget;
  delete config.path;
  if (goal === 'budget') config.budget = counted({ kind: 'share', share: DEFAULT_SHARE, bitsPerWeight: 32 }, config);
  else if (goal === 'path') config.path = { sizes: DEFAULT_LEVELS };
}

/** The budget as it counts for these settings: of weights that are made smaller afterwards, more fit. */
export function counted(budget: Budget, { encoding }: Pick<TrainConfig, 'encoding'>): Budget {
  return budget.kind === 'accuracy' ? budget : { ...budget, bitsPerWeight: encoding === 'auto' ? BITS_WHEN_SMALLER : 32 };
}

export const BUDGET_UNITS = ['kB', 'MB', 'share', 'points'] as const;
export type BudgetUnit = (typeof BUDGET_UNITS)[number];
const BYTES_PER_UNIT = { kB: 1e3, MB: 1e6 } as const;
const MOST_DIGITS = 6;

/** How a budget is written. Bytes are shown in the larger unit that leaves at least 1. */
export function budgetEntry(budget: Budget): { value: number; unit: BudgetUnit } {
  if (budget.kind === 'share') return { value: Number((100 * budget.share).toPrecision(MOST_DIGITS)), unit: 'share' };
  if (budget.kind === 'accuracy') return { value: budget.points, unit: 'points' };
  const unit = budget.bytes >= BYTES_PER_UNIT.MB ? 'MB' : 'kB';
  return { value: budget.bytes / BYTES_PER_UNIT[unit], unit };
}

/** @param reference validation accuracy of full fine-tuning, 0..1 @returns null for a value that is out of range */
export function budgetFrom(value: number, unit: BudgetUnit, reference: number): Budget | null {
  if (!Number.isFinite(value)) return null;
  switch (unit) {
    case 'points':
      return value < 0 || value > 100 ? null : { kind: 'accuracy', points: value, reference };
    case 'share':
      return value <= 0 || value > 100 ? null : { kind: 'share', share: value / 100, bitsPerWeight: 32 };
    default: {
      const bytes = Math.floor(value * BYTES_PER_UNIT[unit]);
      return bytes < 1 || !Number.isSafeInteger(bytes) ? null : { kind: 'bytes', bytes, bitsPerWeight: 32 };
    }
  }
}

/** Bytes of the stored task that a budget allows; null for one of accuracy. */
export function limitBytes(budget: Budget, { fullCopyBytes }: Pick<BudgetBounds, 'fullCopyBytes'>): number | null {
  return budget.kind === 'accuracy' ? null : bytesOfBudget(budget, fullCopyBytes);
}

export type BudgetVerdict = 'impossible' | 'loose' | 'fine';

/** Whether the limit can be held, and whether it closes anything. */
export function judgeBudget(budget: Budget, bounds: BudgetBounds): BudgetVerdict {
  const limit = limitBytes(budget, bounds);
  if (limit === null) return 'fine';
  if (limit < bounds.leastBytes) return 'impossible';
  const { leastBytes, mostBytes } = bounds;
  const bits = budget.kind === 'accuracy' ? 32 : budget.bitsPerWeight;
  return limit >= leastBytes + ((mostBytes - leastBytes) * bits) / 32 ? 'loose' : 'fine';
}

/** The smallest budget that can be held, as a fraction of a copy, rounded up to tenths of a per cent so that it can be typed. */
export function leastShare({ leastBytes, fullCopyBytes }: BudgetBounds): number {
  return Math.ceil((1000 * leastBytes) / fullCopyBytes) / 1000;
}

/** Epochs that the levels need; null when there are enough. */
export function missingEpochs({ epochs, path }: Pick<TrainConfig, 'epochs' | 'path'>): number | null {
  if (path === undefined) return null;
  const fewest = fewestPathEpochs(levelsOf(path));
  return epochs < fewest ? fewest : null;
}
