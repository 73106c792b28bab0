/** @file Seeded stratified splits that do not depend on the order in which files are found. */
import type { Split } from '../contract/dataset.ts';
import { permutation, RandomStream } from './random.ts';

export interface SplitShares {
  /** Shares of each class, 0..0.9 in all. */
  validation: number;
  test: number;
}

/**
 * Divides the items of one class. Items are put in the order of `keys` (content hashes) first, so that names and file systems
 * do not matter. A class of three or more has at least one item in every split whose share is above zero.
 * @param classIndex keeps classes independent of each other
 */
export function splitClass(keys: readonly string[], classIndex: number, seed: number, shares: SplitShares): Split[] {
  const byKey = keys.map((key, index) => ({ key, index })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : a.index - b.index));
  const order = permutation(keys.length, new RandomStream(seed, 'split', classIndex));
  const count = keys.length;
  const share = (fraction: number): number => (fraction <= 0 ? 0 : Math.max(count >= 3 ? 1 : 0, Math.round(count * fraction)));
  let test = share(shares.test);
  let validation = share(shares.validation);
  // Training keeps at least one.
  while (test + validation >= count && test + validation > 0) {
    if (validation >= test) validation--;
    else test--;
  }
  const splits = new Array<Split>(count).fill('train');
  order.forEach((position, rank) => {
    const item = byKey[position];
    if (item === undefined) return;
    if (rank < test) splits[item.index] = 'test';
    else if (rank < test + validation) splits[item.index] = 'validation';
  });
  return splits;
}
