/** @file The searched text of every task: a row beside the task, which triggers copy into a trigram index (migration 7). */
import type { TaskRecord } from '../contract/records.ts';
import { foldText } from '../core/search-words.ts';
import type { SqlValue, WritableDb } from './database.ts';

/** What a task is found by, besides the name of its base. */
export type FoundBy = Pick<TaskRecord, 'name' | 'notes' | 'tags' | 'classNames'>;

/** Shorter words have no trigram. */
const TRIGRAM = 3;

/** Part of the transaction that writes the task. */
export function writeText(db: WritableDb, taskId: string, { name, notes, tags, classNames }: FoundBy): void {
  db.run(
    'INSERT INTO task_texts (task_id, search) VALUES (?, ?) ON CONFLICT (task_id) DO UPDATE SET search = excluded.search',
    taskId, foldText([name, ...tags, ...classNames, notes].join('\n')),
  );
}

export interface TextCondition {
  /** On `tasks`, joined with `task_texts`. */
  sql: string;
  parameters: Record<string, SqlValue>;
}

/**
 * Every word occurs in the task's text or in the name of its base.
 * @param words folded @param basesOf ids of the bases whose name has the word
 */
export function textCondition(words: readonly string[], basesOf: (word: string) => readonly string[]): TextCondition {
  const parameters: Record<string, SqlValue> = {};
  const conditions = words.map((word, index) => {
    const name = `word${String(index)}`;
    const indexed = Array.from(word).length >= TRIGRAM;
    parameters[name] = indexed ? `"${word.replaceAll('"', '""')}"` : word;
    const inText = indexed ? `task_texts.id IN (SELECT rowid FROM task_search WHERE task_search MATCH @${name})` : `instr(task_texts.search, @${name}) > 0`;
    const bases = basesOf(word);
    if (bases.length === 0) return inText;
    parameters[`${name}Bases`] = JSON.stringify(bases);
    return `(${inText} OR tasks.base_id IN (SELECT value FROM json_each(@${name}Bases)))`;
  });
  return { sql: conditions.join(' AND '), parameters };
}
