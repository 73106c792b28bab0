/**
 * @file How long a value would be as JSON, without writing it: a window that sends 64 MB must cost main a walk, not a string.
 * Pure.
 */

/** Requests are at most a handful of levels deep; whatever is deeper is none of ours. */
const DEEPEST = 64;

/** `too-large`: looked no further, so a value that contains itself ends too. */
export type PlainSize = 'plain' | 'too-large' | 'not-plain';

/** @param limit characters of JSON, about */
export function plainSize(value: unknown, limit: number): PlainSize {
  let left = limit;
  const take = (characters: number): PlainSize => {
    left -= characters;
    return left < 0 ? 'too-large' : 'plain';
  };
  const walk = (item: unknown, depth: number): PlainSize => {
    if (typeof item === 'string') return take(item.length + 2);
    if (item === null || item === undefined || typeof item === 'number' || typeof item === 'boolean') return take(5);
    if (typeof item !== 'object' || depth > DEEPEST) return 'not-plain';
    if (Array.isArray(item)) return walkArray(item, depth);
    // Buffers, maps, dates and errors survive the way between processes, but no request has one.
    const prototype: unknown = Object.getPrototypeOf(item);
    if (prototype !== Object.prototype && prototype !== null) return 'not-plain';
    for (const key of Object.keys(item)) {
      const size = take(key.length + 4);
      if (size !== 'plain') return size;
      const inside = walk((item as Record<string, unknown>)[key], depth + 1);
      if (inside !== 'plain') return inside;
    }
    return take(2);
  };
  const walkArray = (items: readonly unknown[], depth: number): PlainSize => {
    for (const item of items) {
      const size = walk(item, depth + 1);
      if (size !== 'plain') return size;
    }
    return take(2);
  };
  return walk(value, 0);
}
