/** @file Searching and sorting the library's cards. Pure. */
import type { BaseCard, TaskCard } from '../../../src-main/contract/studio/library.ts';

export const SORTS = ['newest', 'name', 'accuracy', 'bytes'] as const;
export type Sort = (typeof SORTS)[number];

/** All words must occur, each anywhere in name, tags, notes (and, for tasks, classes and base). Case and accents do not count. */
export function matches(query: string, ...texts: readonly string[]): boolean {
  const haystack = fold(texts.join('\n'));
  return fold(query)
    .split(/\s+/)
    .every((word) => haystack.includes(word));
}

function fold(value: string): string {
  return value.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
}

export function chooseTasks(tasks: readonly TaskCard[], query: string, sort: Sort): TaskCard[] {
  return tasks.filter((task) => matches(query, task.name, task.notes, task.baseName, ...task.tags, ...task.classNames)).sort(taskOrder(sort));
}

export function chooseBases(bases: readonly BaseCard[], query: string): BaseCard[] {
  return bases.filter((base) => matches(query, base.name, base.notes, ...base.tags)).sort((a, b) => a.name.localeCompare(b.name));
}

/** Tasks without the figure that is sorted by come last. */
function taskOrder(sort: Sort): (a: TaskCard, b: TaskCard) => number {
  const byName = (a: TaskCard, b: TaskCard): number => a.name.localeCompare(b.name, 'en', { numeric: true });
  switch (sort) {
    case 'newest':
      return (a, b) => b.createdAt - a.createdAt || byName(a, b);
    case 'name':
      return byName;
    case 'accuracy':
      return (a, b) => (b.current?.testAccuracy ?? -1) - (a.current?.testAccuracy ?? -1) || byName(a, b);
    case 'bytes':
      return (a, b) => (a.current?.bytes ?? Infinity) - (b.current?.bytes ?? Infinity) || byName(a, b);
  }
}
