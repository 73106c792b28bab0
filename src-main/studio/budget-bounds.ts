/** @file Which budgets a task can hold, measured once per base and classes as long as the library is open. */
import { TapsError } from '../contract/errors.ts';
import type { BudgetBounds } from '../contract/studio/images.ts';
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
