/** @file What a run must never go on from, or keep: numbers that are not finite. */
import { TapsError } from '../contract/errors.ts';
import { allFinite } from '../core/finite.ts';
import type { Snapshot } from './checkpoint.ts';

export const SMALLER_RATE = 'Use a smaller --lr (a tenth, say); the last good checkpoint is kept.';

/** @returns the snapshot @throws TapsError `non-finite` with the name of the first entry that is not */
export function requireFinite(snapshot: Snapshot, { epoch, step }: { epoch: number; step: number }): Snapshot {
  for (const [name, { data }] of snapshot) {
    if (!allFinite(data)) throw new TapsError('non-finite', `${name} has values that are not finite after epoch ${String(epoch + 1)}, step ${String(step)}.`, SMALLER_RATE);
  }
  return snapshot;
}
