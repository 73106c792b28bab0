/** @file Which level of a path becomes the task's result. Chosen on validation pictures. */
import type { Budget } from '../contract/budget.ts';
import type { PathLevel } from '../contract/training.ts';

/** What a choice looks at. */
type Candidate = Pick<PathLevel, 'level' | 'bytes'> & { validation: { accuracy: number } };

/** Rounding of accuracies that were added and subtracted. */
const EQUAL = 1e-9;

/**
 * With a budget of accuracy: the smallest level whose validation accuracy reaches reference − points; when none does, the most accurate.
 * Without: the most accurate. Ties go to fewer bytes.
 * @returns undefined without levels
 */
export function chooseLevel<Level extends Candidate>(levels: readonly Level[], budget: Budget | undefined): Level | undefined {
  const [best] = levels.toSorted((a, b) => b.validation.accuracy - a.validation.accuracy || a.bytes - b.bytes);
  if (budget?.kind !== 'accuracy') return best;
  const target = targetOf(budget);
  const [smallest] = levels.filter(({ validation }) => validation.accuracy >= target - EQUAL).sort((a, b) => a.bytes - b.bytes || b.validation.accuracy - a.validation.accuracy);
  return smallest ?? best;
}

/** Validation accuracy that is asked for, 0..1. */
export function targetOf({ points, reference }: Extract<Budget, { kind: 'accuracy' }>): number {
  return reference - points / 100;
}

/** Whether a level holds a budget of accuracy. */
export function reachesTarget(level: Pick<Candidate, 'validation'>, budget: Extract<Budget, { kind: 'accuracy' }>): boolean {
  return level.validation.accuracy >= targetOf(budget) - EQUAL;
}
