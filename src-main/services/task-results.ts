/** @file Use-case: all stored results of a task on one frontier, and adopting one of them. */
import { lambdaOfLevel } from '../contract/budget.ts';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord, TaskRecord } from '../contract/records.ts';
import { chooseOnFront, paretoFront } from '../core/pareto.ts';
import { describeBudget } from './ask-budget.ts';
import { fullCopyBytes } from './compare-tasks.ts';
import type { Library } from './open-library.ts';

export interface TaskResult {
  delta: DeltaRecord;
  /** Such as `λ 0.3`, `at most 20 % of a full copy`, `level 3, λ 0.4`; empty where a method has no such setting. */
  setting: string;
  seed: number | null;
  bytes: number;
  shareOfFullCopy: number;
  /** Fractions; null for an unpacked task. */
  validation: number | null;
  test: number | null;
  /** No other result of the task is smaller and at least as accurate on validation pictures. */
  onFront: boolean;
  /** What predictions and exports take by default. */
  current: boolean;
}

/** Oldest first. @throws TapsError `not-found` */
export function taskResults(library: Library, taskName: string): { task: TaskRecord; results: TaskResult[] } {
  const task = library.tasks.get(taskName);
  const fullBytes = fullCopyBytes(library.bases.get(task.baseId), task.classNames.length);
  const deltas = library.deltas.list(task.id);
  // The front is drawn on validation pictures: choosing among results by test pictures would spend them.
  const measured = deltas.flatMap((delta) => (delta.validationAccuracy === null ? [] : [{ id: delta.id, bytes: delta.blob.bytes, accuracy: delta.validationAccuracy }]));
  const front = new Set(paretoFront(measured).map(({ id }) => id));
  const results = deltas.map((delta): TaskResult => ({
    delta,
    ...settingOf(library, delta),
    bytes: delta.blob.bytes,
    shareOfFullCopy: delta.blob.bytes / fullBytes,
    validation: delta.validationAccuracy,
    test: delta.testAccuracy,
    onFront: front.has(delta.id),
    current: delta.id === task.currentDeltaId,
  }));
  return { task, results };
}

function settingOf(library: Library, delta: DeltaRecord): { setting: string; seed: number | null } {
  if (delta.derivedFrom !== null) {
    const { setting, seed } = settingOf(library, library.deltas.get(delta.derivedFrom));
    return { setting: [...(setting === '' ? [] : [setting]), 'compressed'].join(', '), seed };
  }
  if (delta.runId === null) return { setting: '', seed: null };
  const { config } = library.runs.head(delta.runId);
  const { seed } = config;
  if (config.method !== 'taps') return { setting: '', seed };
  if (delta.pathLevel !== null) {
    const lambda = config.path === undefined ? null : lambdaOfLevel(config.path, delta.pathLevel);
    return { setting: `level ${String(delta.pathLevel)}${lambda === null ? '' : `, λ ${String(lambda)}`}`, seed };
  }
  return { setting: config.budget === undefined ? `λ ${String(config.lambda)}` : describeBudget(config.budget), seed };
}

/** Which result to adopt: one by its id, a level of the task's newest path, or a preference. */
export type Adoption =
  | { kind: 'result'; deltaId: string }
  | { kind: 'level'; level: number }
  /** 0: accuracy alone counts, 1: bytes alone. */
  | { kind: 'preference'; preference: number };

/**
 * Makes a stored result the task's current one.
 * @throws TapsError `not-found`
 */
export function adoptResult(library: Library, taskName: string, adoption: Adoption): { task: TaskRecord; result: TaskResult } {
  const { task, results } = taskResults(library, taskName);
  const chosen = choose(task, results, adoption);
  library.tasks.setCurrentDelta(task.id, chosen.delta.id);
  return { task: library.tasks.get(task.id), result: { ...chosen, current: true } };
}

function choose(task: TaskRecord, results: readonly TaskResult[], adoption: Adoption): TaskResult {
  switch (adoption.kind) {
    case 'result': {
      const found = results.find(({ delta }) => delta.id === adoption.deltaId);
      if (found === undefined) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no result ${JSON.stringify(adoption.deltaId)}.`, `taps adopt ${task.name} lists its results.`);
      return found;
    }
    case 'level': {
      const newest = results.findLast(({ delta }) => delta.pathLevel !== null)?.delta.runId;
      const levels = results.filter(({ delta }) => delta.pathLevel !== null && delta.runId === newest);
      const found = levels.find(({ delta }) => delta.pathLevel === adoption.level);
      if (found === undefined) {
        const known = levels.map(({ delta }) => delta.pathLevel ?? 0);
        throw new TapsError('not-found', levels.length === 0 ? `Task ${JSON.stringify(task.name)} has no path.` : `The newest path of ${JSON.stringify(task.name)} has no level ${String(adoption.level)}.`, levels.length === 0 ? `Learn one: taps path ${task.name}.` : `Choose from ${String(Math.min(...known))} to ${String(Math.max(...known))}.`);
      }
      return found;
    }
    case 'preference': {
      const measured = results.flatMap((result) => (result.validation === null ? [] : [{ ...result, accuracy: result.validation }]));
      const found = chooseOnFront(measured, adoption.preference);
      if (found === undefined) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no result that was measured.`, `Learn it first: taps train ${task.name}.`);
      return found;
    }
  }
}
