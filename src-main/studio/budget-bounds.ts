/** @file Which budgets a task can hold, measured once per base and classes as long as the library is open. */
import { TapsError } from '../contract/errors.ts';
import type { TaskRecord } from '../contract/records.ts';
import type { BudgetBounds } from '../contract/studio/images.ts';
import type { TrainConfig } from '../contract/training.ts';
import { budgetBounds } from '../services/budget-bounds.ts';
import type { LibrarySession } from './library-session.ts';

const MOST_REMEMBERED = 50;
const known = new WeakMap<LibrarySession, Map<string, Promise<BudgetBounds>>>();

/** @throws TapsError `not-found` for the base; `usage` for classes that are not all different */
export async function boundsFor(session: LibrarySession, baseId: string, classNames: readonly string[]): Promise<BudgetBounds> {
  const base = session.base(baseId);
  if (new Set(classNames).size !== classNames.length) throw new TapsError('usage', 'Two classes have the same name.', 'Give every class a name of its own.');
  const remembered = known.get(session) ?? new Map<string, Promise<BudgetBounds>>();
  known.set(session, remembered);
  const key = JSON.stringify([base.id, classNames]);
  const found = remembered.get(key);
  if (found !== undefined) return found;
  if (remembered.size >= MOST_REMEMBERED) remembered.clear();
  const measuring = budgetBounds(session.library, base, classNames);
  remembered.set(key, measuring);
  try {
    return await measuring;
  } catch (error) {
    remembered.delete(key);
    throw error;
  }
}

/**
 * Refuses before it is queued what the trainer would refuse once its turn has come.
 * @throws TapsError `invalid-config` for a budget that no task with these classes can hold, with the smallest possible one
 */
export async function requirePossible(session: LibrarySession, task: Pick<TaskRecord, 'baseId' | 'classNames'>, { method, budget }: Pick<TrainConfig, 'method' | 'budget'>): Promise<void> {
  if (method !== 'taps' || budget === undefined || budget.kind === 'accuracy') return;
  const { leastBytes, fullCopyBytes } = await boundsFor(session, task.baseId, task.classNames);
  const limit = budget.kind === 'bytes' ? budget.bytes : Math.floor(budget.share * fullCopyBytes);
  if (limit >= leastBytes) return;
  throw new TapsError('invalid-config', `A budget of ${String(limit)} bytes cannot be held: with every layer closed the task takes ${String(leastBytes)} bytes, for its normalisation and its head.`, `Give at least ${String(leastBytes)} bytes, or learn a linear probe.`, { details: { limitBytes: limit, leastBytes, fullCopyBytes } });
}
