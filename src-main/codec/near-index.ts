/**
 * @file Fingerprints that differ in few bits, without comparing every pair. By the pigeonhole principle two of them that differ in at
 * most 10 of 64 bits differ in at most 2 bits of one of four 16-bit bands: each band has a table, and the 137 neighbouring keys are
 * looked up ("multi-index hashing", Norouzi et al. 2012).
 */
import { bitCount, type Fingerprint } from './fingerprint.ts';

/** Bits. Copies of photographs lie within 6 of each other, copies of small drawings within 10. */
export const NEAR_BITS = 10;

const BANDS = 4;
const KEYS = 1 << 16;

/** All 16-bit masks of at most NEAR_BITS / BANDS bits. */
const MASKS = Uint16Array.from(Array.from({ length: KEYS }, (_, mask) => mask).filter((mask) => bitCount(mask) <= NEAR_BITS / BANDS));

interface Band {
  /** Where the items of a key begin; KEYS + 1 entries. */
  starts: Uint32Array;
  items: Uint32Array;
}

export interface NearIndex {
  /** Earlier items (smaller than `item`) within NEAR_BITS, each once; at most `limit`. */
  before(item: number, limit: number): number[];
}

/** Memory: 16 bytes an item and 1 MB. */
export function nearIndex(prints: readonly Fingerprint[]): NearIndex {
  const words = new Uint32Array(prints.length * 2);
  prints.forEach(([low, high], item) => words.set([low, high], item * 2));
  const keyOf = (item: number, band: number): number => ((words[item * 2 + (band >> 1)] ?? 0) >>> ((band & 1) * 16)) & 0xffff;
  const bands = Array.from({ length: BANDS }, (_, band) => buildBand(prints.length, (item) => keyOf(item, band)));
  const seenBy = new Uint32Array(prints.length).fill(0xffff_ffff);
  return {
    before(item, limit) {
      const found: number[] = [];
      for (const [band, { starts, items }] of bands.entries()) {
        const key = keyOf(item, band);
        for (const mask of MASKS) {
          const end = starts[(key ^ mask) + 1] ?? 0;
          for (let at = starts[key ^ mask] ?? 0; at < end; at++) {
            const other = items[at] ?? 0;
            // Items of a key are in ascending order.
            if (other >= item) break;
            if (seenBy[other] === item) continue;
            seenBy[other] = item;
            const bits = bitCount((words[item * 2] ?? 0) ^ (words[other * 2] ?? 0)) + bitCount((words[item * 2 + 1] ?? 0) ^ (words[other * 2 + 1] ?? 0));
            if (bits <= NEAR_BITS) found.push(other);
            if (found.length === limit) return found;
          }
        }
      }
      return found;
    },
  };
}

/** Counting sort by key. */
function buildBand(count: number, keyOf: (item: number) => number): Band {
  const starts = new Uint32Array(KEYS + 1);
  for (let item = 0; item < count; item++) starts[keyOf(item) + 1] = (starts[keyOf(item) + 1] ?? 0) + 1;
  for (let key = 0; key < KEYS; key++) starts[key + 1] = (starts[key + 1] ?? 0) + (starts[key] ?? 0);
  const next = starts.slice();
  const items = new Uint32Array(count);
  for (let item = 0; item < count; item++) {
    const key = keyOf(item);
    const at = next[key] ?? 0;
    items[at] = item;
    next[key] = at + 1;
  }
  return { starts, items };
}
