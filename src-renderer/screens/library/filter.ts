/** @file Searching the library's bases, as the main side searches its tasks. Pure. */
import type { BaseCard } from '../../../src-main/contract/studio/library.ts';
import { foldText, searchWords } from '../../../src-main/core/search-words.ts';

/** All words must occur, each anywhere in name, tags or notes. Case and accents do not count. */
export function matches(query: string, ...texts: readonly string[]): boolean {
  const haystack = foldText(texts.join('\n'));
  return searchWords(query).every((word) => haystack.includes(word));
}

export function chooseBases(bases: readonly BaseCard[], query: string): BaseCard[] {
  return bases.filter((base) => matches(query, base.name, base.notes, ...base.tags)).sort((a, b) => a.name.localeCompare(b.name));
}
