/**
 * @file The few database operations the library needs, over better-sqlite3, with its failures as `TapsError`.
 * Readers take a `ReadableDb`, writers a `WritableDb`, so a signature says which of the two a function is.
 *
 * [Note: Row types] A query's caller states the row type, as it states the columns in the SQL: an assertion that
 * STRICT tables make safe. That is why the type parameters below appear only in results.
 */
/* eslint-disable @typescript-eslint/no-unnecessary-type-parameters -- see [Note: Row types] */
import Database from 'better-sqlite3';
import { TapsError } from '../contract/errors.ts';
import { storageError } from '../platform/storage-error.ts';

export type SqlValue = string | number | null;
/** For `?` in order, or one object for `@name`. */
export type SqlParameters = SqlValue[] | [Record<string, SqlValue>];

export interface ReadableDb {
  readonly path: string;
  /** First row, see [Note: Row types]. */
  get<Row>(sql: string, ...parameters: SqlParameters): Row | undefined;
  all<Row>(sql: string, ...parameters: SqlParameters): Row[];
  /** The single value of a PRAGMA. */
  pragma(source: string): unknown;
  close(): void;
}

export interface WritableDb extends ReadableDb {
  /** Returns the number of changed rows. */
  run(sql: string, ...parameters: SqlParameters): number;
  /** Several statements without parameters. */
  exec(sql: string): void;
  /** `BEGIN IMMEDIATE` ... `COMMIT`; rolled back when `work` throws. Inside another it joins that one. */
  transaction<Result>(work: () => Result): Result;
}

/** Turns SQLite's error codes into ours. Constraint violations are defects and pass unchanged. */
export function databaseError(error: unknown, path: string): unknown {
  if (!(error instanceof Database.SqliteError)) return error;
  const { code, message } = error;
  if (code === 'SQLITE_FULL') return storageError(error, 'write', path);
  if (code.startsWith('SQLITE_BUSY') || code.startsWith('SQLITE_LOCKED')) {
    return new TapsError('library-locked', `The library ${path} is being written by another program (${message}).`, 'Try again when it has finished.', { cause: error });
  }
  if (code.startsWith('SQLITE_CORRUPT') || code === 'SQLITE_NOTADB' || code === 'SQLITE_FORMAT') {
    return new TapsError('library-damaged', `The library ${path} is damaged: ${message}.`, 'Restore library.db from the backups folder beside it, or from your own backup.', { cause: error });
  }
  if (code.startsWith('SQLITE_IOERR') || code.startsWith('SQLITE_CANTOPEN') || code.startsWith('SQLITE_READONLY') || code === 'SQLITE_PERM') {
    return storageError(error, 'use', path);
  }
  return error;
}

/** @param path library.db; created when absent unless `readOnly` or `mustExist` */
export function openSqlite(path: string, options: { readOnly: boolean; mustExist: boolean }): WritableDb {
  const guard = <Result>(work: () => Result): Result => {
    try {
      return work();
    } catch (error) {
      throw databaseError(error, path);
    }
  };
  const handle = guard(() => new Database(path, { readonly: options.readOnly, fileMustExist: options.mustExist, timeout: 5000 }));
  const statements = new Map<string, Database.Statement>();
  const prepared = (sql: string): Database.Statement => {
    const known = statements.get(sql);
    if (known !== undefined) return known;
    const statement = handle.prepare(sql);
    statements.set(sql, statement);
    return statement;
  };
  /** Nothing is open after a COMMIT, nor after a full disk, when SQLite rolls back by itself. */
  const rollBack = (): void => {
    if (handle.inTransaction) handle.exec('ROLLBACK');
  };
  return {
    path,
    get: <Row>(sql: string, ...parameters: SqlParameters) => guard(() => prepared(sql).get(...parameters) as Row | undefined),
    all: <Row>(sql: string, ...parameters: SqlParameters) => guard(() => prepared(sql).all(...parameters) as Row[]),
    run: (sql, ...parameters) => guard(() => prepared(sql).run(...parameters).changes),
    pragma: (source) => guard(() => handle.pragma(source, { simple: true })),
    exec: (sql) => {
      guard(() => handle.exec(sql));
    },
    transaction: (work) => {
      if (handle.inTransaction) return work();
      guard(() => handle.exec('BEGIN IMMEDIATE'));
      try {
        const result = work();
        guard(() => handle.exec('COMMIT'));
        return result;
      } finally {
        rollBack();
      }
    },
    close: () => {
      guard(() => handle.close());
    },
  };
}

/** Parses a JSON column. @throws TapsError `library-damaged` */
export function fromJson<Value>(text: string, column: string): Value {
  try {
    return JSON.parse(text) as Value;
  } catch (cause) {
    throw new TapsError('library-damaged', `The library holds unreadable text in ${column}.`, 'Run `taps library verify`.', { cause });
  }
}
