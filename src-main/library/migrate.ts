/** @file Brings a database to the current schema: backup first, then one transaction per migration. */
import { closeSync, existsSync, fsyncSync, mkdirSync, openSync, renameSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { PARTIAL_SUFFIX } from '../platform/atomic-file.ts';
import { storageError } from '../platform/storage-error.ts';
import type { ReadableDb, WritableDb } from './database.ts';
import type { Migration } from './migrations/migration.ts';

/** "TAPS" in ASCII: marks the SQLite file as ours. */
export const APPLICATION_ID = 0x54415053;

/** What kind of database file was opened. A file without any table is new. */
export function schemaVersionOf(db: ReadableDb): { isNew: boolean; version: number } {
  const applicationId = db.pragma('application_id');
  const version = db.pragma('user_version');
  const tables = db.get<{ count: number }>('SELECT count(*) AS count FROM sqlite_schema')?.count ?? 0;
  if (applicationId === 0 && version === 0 && tables === 0) return { isNew: true, version: 0 };
  if (applicationId !== APPLICATION_ID || typeof version !== 'number' || version < 1) {
    throw new TapsError('library-damaged', `${db.path} is not a library of TAPS Studio (application id ${String(applicationId)}, version ${String(version)}).`, 'Choose another folder, or restore library.db from a backup.');
  }
  return { isNew: false, version };
}

function syncPath(path: string): void {
  const descriptor = openSync(path, 'r+');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/** Copies the database to backups/library-v<version>.db; an existing backup of that version is kept. */
function backUp(db: WritableDb, version: number): void {
  const folder = join(dirname(db.path), 'backups');
  const target = join(folder, `library-v${String(version)}.db`);
  if (existsSync(target)) return;
  const partial = `${target}${PARTIAL_SUFFIX}`;
  try {
    mkdirSync(folder, { recursive: true });
    rmSync(partial, { force: true });
    db.run('VACUUM INTO ?', partial);
    syncPath(partial);
    renameSync(partial, target);
  } catch (error) {
    // What is left of it is removed by the next attempt.
    throw storageError(error, 'back up the library to', target);
  }
}

/**
 * Runs what is missing. After a failure the database is at the version of the last migration that succeeded.
 * @throws TapsError `library-too-new`, `library-damaged`, `disk-full`, `io-failed`
 */
export function migrate(db: WritableDb, migrations: readonly Migration[]): void {
  const { isNew, version } = schemaVersionOf(db);
  checkNotNewer(db, version, migrations);
  const missing = migrations.filter((migration) => migration.version > version);
  if (missing.length > 0 && !isNew) backUp(db, version);
  for (const migration of missing) {
    db.transaction(() => {
      migration.up(db);
      db.pragma(`application_id = ${String(APPLICATION_ID)}`);
      db.pragma(`user_version = ${String(migration.version)}`);
    });
  }
}

export function latestVersion(migrations: readonly Migration[]): number {
  return migrations.at(-1)?.version ?? 0;
}

export function checkNotNewer(db: ReadableDb, version: number, migrations: readonly Migration[]): void {
  const newest = latestVersion(migrations);
  if (version <= newest) return;
  throw new TapsError('library-too-new', `The library ${db.path} has version ${String(version)}; this program knows versions up to ${String(newest)}.`, 'Update TAPS Studio, or choose another library with --library.', {
    details: { version, newest },
  });
}
