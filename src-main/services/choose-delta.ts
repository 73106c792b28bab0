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

/**
 * One result of each of several tasks that are to be used together.
 * @throws TapsError `invalid-config` for none, or one named twice (by name or id); `base-mismatch` for tasks of different bases; as `chooseDelta`
 */
export function chooseDeltas(library: Library, taskNames: readonly string[], method: MethodId | null): ChosenDelta[] {
  if (taskNames.length === 0) throw new TapsError('invalid-config', 'No task was named.', 'Name at least one task.');
  const chosen = taskNames.map((name) => chooseDelta(library, name, method));
  const repeated = chosen.find(({ task }, index) => chosen.findIndex((other) => other.task.id === task.id) !== index);
  if (repeated !== undefined) throw new TapsError('invalid-config', `Task ${JSON.stringify(repeated.task.name)} is named twice.`, 'Name every task once.');
  const [first] = chosen;
  const other = chosen.find(({ base }) => base.id !== first?.base.id);
  if (first !== undefined && other !== undefined) {
    throw new TapsError('base-mismatch', `Task ${JSON.stringify(other.task.name)} was learnt on ${JSON.stringify(other.base.name)}, ${JSON.stringify(first.task.name)} on ${JSON.stringify(first.base.name)}.`, 'Name tasks of one base together.');
  }
  return chosen;
}
