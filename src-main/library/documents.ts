/** @file Documents: small JSON values by key, for what the studio remembers beside the aggregates. */
import type { LibraryContext } from './context.ts';
import { fromJson } from './database.ts';

export class Documents {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /**
   * null when there is none. The caller checks the shape: another version of the program may have written it.
   * @throws TapsError `library-damaged`
   */
  get(key: string): unknown {
    const row = this.#context.reader.get<{ value: string }>('SELECT value FROM documents WHERE key = ?', key);
    return row === undefined ? null : fromJson<unknown>(row.value, 'documents.value');
  }

  /** In order. @param prefix of the keys */
  keys(prefix: string): string[] {
    return this.#context.reader.all<{ key: string }>('SELECT key FROM documents WHERE substr(key, 1, length(@prefix)) = @prefix ORDER BY key', { prefix }).map(({ key }) => key);
  }

  /** @param key 1..200 characters @param value survives JSON */
  set(key: string, value: object | string | number | boolean | null): void {
    this.#context.writer.run('INSERT OR REPLACE INTO documents (key, value, updated_at) VALUES (?, ?, ?)', key, JSON.stringify(value), Date.now());
  }

  /** Returns whether there was one. */
  remove(key: string): boolean {
    return this.#context.writer.run('DELETE FROM documents WHERE key = ?', key) > 0;
  }
}
