/** @file Use-case: which budgets a TAPS task on a base can hold. */
import type { BaseRecord } from '../contract/records.ts';
import type { BudgetBounds, BudgetRequest } from '../model-io/protocol.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import type { Library } from './open-library.ts';

export type { BudgetBounds };

/**
 * Measured on the file that would be written, so that a budget that is accepted is held and one that is refused cannot be.
 * @throws TapsError `library-damaged` when the base's files are not those that were stored
 */
export async function budgetBounds(library: Library, base: BaseRecord, classNames: readonly string[]): Promise<BudgetBounds> {
  const request: BudgetRequest = { base: library.bases.files(base), classNames: [...classNames], preprocessing: base.preprocessing };
  return (await withRequestChild('model-io', (child) => child.request('budget', request))) as BudgetBounds;
}
