/** @file Names people give to bases and tasks: which are allowed, and which were meant. */
import { TapsError } from '../contract/errors.ts';

const MAX_NAME_LENGTH = 200;

/** @throws TapsError `invalid-config` for empty, over-long or unprintable names */
export function checkName(kind: 'base' | 'task', name: string): void {
  if (name.trim() === name && name.length > 0 && name.length <= MAX_NAME_LENGTH && name.isWellFormed() && !/\p{Cc}/u.test(name)) return;
  throw new TapsError('invalid-config', `${JSON.stringify(name.slice(0, MAX_NAME_LENGTH))} cannot name a ${kind}.`, `Choose 1 to ${String(MAX_NAME_LENGTH)} printable characters without spaces at the ends.`);
}

/** Number of insertions, removals and replacements that turn one name into the other. */
function editDistance(a: string, b: string): number {
  let previous = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let row = 1; row <= a.length; row++) {
    const current = [row];
    for (let column = 1; column <= b.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (a[row - 1] === b[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, (previous[column] ?? 0) + 1, (current[column - 1] ?? 0) + 1));
    }
    previous = current;
  }
  return previous[b.length] ?? 0;
}

/** Up to three existing names that `wanted` may have meant, nearest first. */
export function nearNames(wanted: string, existing: readonly string[]): string[] {
  const target = wanted.toLowerCase();
  return existing
    .map((name) => {
      const candidate = name.toLowerCase();
      const contains = target.length > 1 && (candidate.includes(target) || target.includes(candidate));
      return { name, distance: contains ? 1 : editDistance(target, candidate) };
    })
    .filter(({ name, distance }) => distance <= Math.max(2, Math.floor(name.length / 3)))
    .sort((a, b) => a.distance - b.distance || (a.name < b.name ? -1 : 1))
    .slice(0, 3)
    .map(({ name }) => name);
}

/** `not-found` for a base or task, with the names that come near. */
export function notFound(kind: 'base' | 'task', wanted: string, existing: readonly string[]): TapsError {
  const near = nearNames(wanted, existing);
  const hint = near.length > 0 ? `Did you mean ${near.map((name) => JSON.stringify(name)).join(' or ')}?` : `\`taps ${kind} list\` shows what there is.`;
  return new TapsError('not-found', `There is no ${kind} ${JSON.stringify(wanted)} in the library.`, hint, { details: { near } });
}
