/** @file Budgets and paths as people ask for them → settings of a run. */
import type { Budget } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { Library } from './open-library.ts';

export { defaultPathRange, pathPlan, sizesPlan, type PathRange } from '../core/path-plan.ts';

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
