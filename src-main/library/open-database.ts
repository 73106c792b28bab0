/**
 * @file Opens library.db with the settings the library promises.
 * [Note: Journal] WAL with synchronous = FULL: a commit that was reported is there after a power loss.
 * WAL needs a shared-memory file that a full disk may refuse; then the rollback journal (DELETE) serves, or WAL without
 * sharing, so that a person can open the library and remove things (see ballast).
 */
import { existsSync } from 'node:fs';
import { TapsError } from '../contract/errors.ts';
import { openSqlite, type ReadableDb, type WritableDb } from './database.ts';
import { checkNotNewer, latestVersion, schemaVersionOf } from './migrate.ts';
import type { Migration } from './migrations/migration.ts';

/** 3.7.0 to 3.51.2 can corrupt a WAL database when two connections checkpoint at once. */
const OLDEST_SQLITE = [3, 51, 3] as const;

function requireSoundSqlite(db: ReadableDb): void {
  const version = db.get<{ version: string }>('SELECT sqlite_version() AS version')?.version ?? '';
  const parts = version.split('.').map(Number);
  const difference = OLDEST_SQLITE.map((oldest, index) => (parts[index] ?? 0) - oldest).find((each) => each !== 0) ?? 0;
  if (difference < 0) {
    throw new TapsError('internal', `SQLite ${version} has a defect that can damage libraries; ${OLDEST_SQLITE.join('.')} or newer is needed.`, 'Install the dependencies again.');
  }
}

/** A database file may come from someone else: nothing stored in it is trusted to run. */
function distrust(db: ReadableDb): void {
  db.pragma('trusted_schema = OFF');
  db.pragma('cell_size_check = ON');
  db.pragma('foreign_keys = ON');
}

/** A connection that has the file to itself needs no shared memory, and may leave WAL where there is room for that. */
function openExclusively(path: string): WritableDb {
  const db = openSqlite(path, { readOnly: false, mustExist: true });
  try {
    db.pragma('locking_mode = EXCLUSIVE');
    distrust(db);
    schemaVersionOf(db);
    try {
      db.pragma('journal_mode = DELETE');
      db.pragma('locking_mode = NORMAL');
      schemaVersionOf(db); // the first read after the change gives the exclusive lock back
    } catch (error) {
      if (!isStorageFailure(error)) throw error;
      // Not even room to leave WAL: readers have to wait, but what is there can be read.
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function openWithWal(path: string, migrations: readonly Migration[]): WritableDb {
  const db = openSqlite(path, { readOnly: false, mustExist: false });
  try {
    distrust(db);
    // A foreign or newer file is refused before anything is written to it.
    checkNotNewer(db, schemaVersionOf(db).version, migrations);
    db.pragma('journal_mode = WAL');
    // Reading proves that the shared-memory file could be made.
    schemaVersionOf(db);
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}

function isStorageFailure(error: unknown): boolean {
  return error instanceof TapsError && (error.code === 'disk-full' || error.code === 'io-failed');
}

/** Opens for writing, in WAL where that works. The schema is not touched; see migrate. */
export function openForWriting(path: string, migrations: readonly Migration[]): WritableDb {
  let db: WritableDb;
  try {
    db = openWithWal(path, migrations);
  } catch (error) {
    if (!isStorageFailure(error) || !existsSync(path)) throw error;
    db = openExclusively(path);
  }
  db.pragma('synchronous = FULL');
  requireSoundSqlite(db);
  return db;
}

/**
 * Opens an existing library beside a writer.
 * @throws TapsError `library-too-new`, `library-damaged`; `usage` when only a writer can bring it up to date
 */
export function openForReading(path: string, migrations: readonly Migration[]): WritableDb {
  const db = openSqlite(path, { readOnly: true, mustExist: true });
  try {
    distrust(db);
    requireSoundSqlite(db);
    const { version } = schemaVersionOf(db);
    checkNotNewer(db, version, migrations);
    if (version < latestVersion(migrations)) {
      throw new TapsError('usage', `The library ${path} has version ${String(version)} and must be brought to ${String(latestVersion(migrations))} first.`, 'Open it once for writing, for instance with `taps library stats`.');
    }
    return db;
  } catch (error) {
    db.close();
    throw error;
  }
}
