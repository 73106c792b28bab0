/** @file Which stored result of a task is meant. */
import { TapsError } from '../contract/errors.ts';
import type { BaseRecord, DeltaRecord, TaskRecord } from '../contract/records.ts';
import type { MethodId } from '../contract/training.ts';
import type { Library } from './open-library.ts';

export interface ChosenDelta {
  task: TaskRecord;
  base: BaseRecord;
  delta: DeltaRecord;
}

/**
 * @param method newest result of this method; null means the task's current one
 * @param deltaId this very result, whatever its method
 * @throws TapsError `not-found` when the task is unknown or not learnt
 */
export function chooseDelta(library: Library, taskName: string, method: MethodId | null, deltaId: string | null = null): ChosenDelta {
  const task = library.tasks.get(taskName);
  const base = library.bases.get(task.baseId);
  const deltas = library.deltas.list(task.id);
  const wanted = deltaId ?? (method === null ? task.currentDeltaId : null);
  const delta = wanted !== null || method === null ? deltas.find(({ id }) => id === wanted) : deltas.findLast((candidate) => candidate.method === method);
  if (delta === undefined && deltaId !== null) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no result ${JSON.stringify(deltaId)}.`, 'Choose one of its results.');
  if (delta === undefined) {
    throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has not been learnt${method === null ? '' : ` with ${method}`} yet.`, `Learn it first: taps train ${task.name}.`);
  }
  return { task, base, delta };
}
