/** @file What several tasks have in common, in words. */
import type { Sharing } from '../../contract/sharing.ts';
import { formatPercent } from './units.ts';

/** Pairs that are listed; a file of hundreds of tasks has thousands. */
const SHOWN = 10;

export function sharingLines({ pairs, passes }: Sharing): string[] {
  const lines = pairs.slice(0, SHOWN).map(({ tasks: [one, other], share, differFrom }) => `${one} and ${other} share ${formatPercent(share)} of a forward pass${differFrom === null ? '' : `; they differ from ${differFrom} on`}`);
  if (pairs.length > SHOWN) lines.push(`… and ${String(pairs.length - SHOWN)} more pairs (--json lists all)`);
  return [...lines, `All together: the work of ${passes.toFixed(2)} forward passes`];
}
