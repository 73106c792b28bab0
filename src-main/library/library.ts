/**
 * @file The library: bases, datasets, tasks, runs and deltas in one folder (docs/library.md).
 * One process writes; others may read beside it. Plain records go in and out; nothing here computes.
 */
import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import { isErrno, nodeFileSystem, type FileSystem } from '../platform/file-system.ts';
import { storageError } from '../platform/storage-error.ts';
import { balanceBallast } from './ballast.ts';
import { Bases } from './bases.ts';
import { BlobStore } from './blobs.ts';
import { LibraryContext } from './context.ts';
import type { WritableDb } from './database.ts';
import { Datasets } from './datasets.ts';
import { Deltas } from './deltas.ts';
import { Documents } from './documents.ts';
import { collectGarbage, type GarbageReport } from './garbage.ts';
import { takeLock } from './lock.ts';
import { migrate } from './migrate.ts';
import { MIGRATIONS } from './migrations/index.ts';
import type { Migration } from './migrations/migration.ts';
import { openForReading, openForWriting } from './open-database.ts';
import { interruptOrphans, Runs } from './runs.ts';
import { libraryStats, type LibraryStats } from './stats.ts';
import { Sweeps } from './sweeps.ts';
import { Tasks } from './tasks.ts';
import { verifyLibrary, type VerifyOptions, type VerifyReport } from './verify.ts';

const DATABASE_FILE = 'library.db';

export interface LibraryOptions {
  /** Make the folder and an empty library when there is none. Default false. */
  create?: boolean;
  /** Look on without becoming the writer. Default false. */
  readOnly?: boolean;
  /** For tests. Default: the machine's. */
  fileSystem?: FileSystem;
  /** For tests. Default: all. */
  migrations?: readonly Migration[];
}

export class Library {
  /** Absolute. */
  readonly folder: string;
  readonly bases: Bases;
  readonly datasets: Datasets;
  readonly tasks: Tasks;
  readonly runs: Runs;
  readonly deltas: Deltas;
  readonly documents: Documents;
  readonly sweeps: Sweeps;
  /** Folder for files that can be made again, such as decoded images. May be emptied at any time. */
  readonly cacheFolder: string;
  readonly #context: LibraryContext;
  readonly #db: WritableDb;
  readonly #release: (() => void) | null;
  #open = true;

  /** Use `openLibrary`. @param release gives the writer's lock back; null for a reader */
  constructor(context: LibraryContext, db: WritableDb, release: (() => void) | null) {
    this.folder = context.folder;
    this.cacheFolder = join(context.folder, 'cache');
    this.#context = context;
    this.#db = db;
    this.#release = release;
    this.bases = new Bases(context);
    this.datasets = new Datasets(context);
    this.tasks = new Tasks(context);
    this.runs = new Runs(context);
    this.deltas = new Deltas(context);
    this.documents = new Documents(context);
    this.sweeps = new Sweeps(context);
  }

  /** Reads and hashes everything; changes nothing. @throws TapsError `cancelled` */
  verify(options: VerifyOptions = {}): Promise<VerifyReport> {
    return this.#context.exclusive(() => verifyLibrary(this.#context, this.bases, this.deltas, options));
  }

  stats(): Promise<LibraryStats> {
    return libraryStats(this.#context);
  }

  /** Removes blobs, datasets and temporary files that nothing refers to. */
  collectGarbage(): Promise<GarbageReport> {
    return collectGarbage(this.#context);
  }

  /** Empties the write-ahead log into the database, gives the lock back and closes. Closing twice is harmless. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      if (this.#release !== null) {
        this.#checkpoint();
        this.#release();
      }
    } finally {
      this.#db.close();
    }
  }

  /** What is committed is safe in the log as well; on a full disk it stays there until the next close. */
  #checkpoint(): void {
    try {
      this.#db.pragma('wal_checkpoint(TRUNCATE)');
    } catch (error) {
      if (!(error instanceof TapsError && (error.code === 'disk-full' || error.code === 'io-failed'))) throw error;
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Temporary files of a writer that died: this process is the only writer now. */
function removeStaged(folder: string): void {
  const incoming = join(folder, 'blobs', 'incoming');
  if (!existsSync(incoming)) return;
  for (const name of readdirSync(incoming)) rmSync(join(incoming, name), { force: true });
}

/** On a full disk the runs keep their old status until there is room; nothing else depends on it. */
function interruptOrphansWhereRoom(db: WritableDb): void {
  try {
    interruptOrphans(db);
  } catch (error) {
    if (!(error instanceof TapsError && error.code === 'disk-full')) throw error;
  }
}

function openWriter(folder: string, path: string, migrations: readonly Migration[]): { db: WritableDb; release: () => void } {
  balanceBallast(folder);
  const db = openForWriting(path, migrations);
  try {
    const release = takeLock(db, folder);
    try {
      migrate(db, migrations);
      interruptOrphansWhereRoom(db);
      removeStaged(folder);
      for (const name of ['blobs', 'runs', 'cache']) mkdirSync(join(folder, name), { recursive: true });
      return { db, release };
    } catch (error) {
      release();
      throw error;
    }
  } catch (error) {
    db.close();
    throw isErrno(error) ? storageError(error, 'open', folder) : error;
  }
}

/**
 * Opens a library, bringing it to the current schema and marking runs that a dead process left as interrupted.
 * @throws TapsError `not-found` (and not `create`), `library-locked` by another writer, `library-damaged`,
 * `library-too-new`, `disk-full`, `io-failed`
 */
export function openLibrary(folder: string, options: LibraryOptions = {}): Library {
  const { create = false, readOnly = false, fileSystem = nodeFileSystem, migrations = MIGRATIONS } = options;
  const absolute = resolve(folder);
  const path = join(absolute, DATABASE_FILE);
  if (!existsSync(path)) {
    if (!create || readOnly) throw new TapsError('not-found', `There is no library in ${absolute}.`, 'Check the folder; `taps base import` makes a new library.');
    try {
      mkdirSync(absolute, { recursive: true });
    } catch (error) {
      throw storageError(error, 'create', absolute);
    }
  }
  const { db, release } = readOnly ? { db: openForReading(path, migrations), release: null } : openWriter(absolute, path, migrations);
  const blobs = new BlobStore(absolute, fileSystem);
  return new Library(new LibraryContext({ folder: absolute, blobs, fileSystem, db, readOnly }), db, release);
}
