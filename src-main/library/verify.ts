/** @file Proves that a library is whole: everything it refers to is there and has the bytes it was stored with. */
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { RunStatus } from '../contract/records.ts';
import { PARTIAL_SUFFIX } from '../platform/atomic-file.ts';
import { checkAgainstBase } from '../formats/task-artifact-check.ts';
import { baseIdOf } from './base-id.ts';
import { baseShapes, type Bases } from './bases.ts';
import type { LibraryContext } from './context.ts';
import type { ReadableDb } from './database.ts';
import type { Deltas } from './deltas.ts';

/** Runs whose process is still writing its folder. */
const ACTIVE: readonly RunStatus[] = ['queued', 'running', 'paused'];

export interface VerifyProblem {
  kind: 'database' | 'blob-missing' | 'blob-damaged' | 'base-invalid' | 'delta-invalid' | 'current-delta';
  /** What is wrong, in a sentence. */
  message: string;
  /** Names of the bases and tasks that cannot be used because of it. Others are not touched by it. */
  affected: string[];
}

export interface VerifyReport {
  /** No problems. Garbage is none. */
  ok: boolean;
  problems: VerifyProblem[];
  blobsChecked: number;
  bytesChecked: number;
  deltasChecked: number;
  /** Files of the blob store that nothing refers to; `collectGarbage` removes them. */
  orphanBlobs: string[];
  orphanBytes: number;
  /** Temporary files and run folders that stopped processes left behind. */
  leftovers: string[];
}

function databaseProblems(db: ReadableDb): VerifyProblem[] {
  const integrity = db.all<{ integrity_check: string }>('PRAGMA integrity_check').map((row) => row.integrity_check);
  const messages = integrity.filter((message) => message !== 'ok').map((message) => `The database is damaged: ${message}.`);
  for (const { table, parent } of db.all<{ table: string; parent: string }>('PRAGMA foreign_key_check')) {
    messages.push(`A row of ${table} refers to a row of ${parent} that is missing.`);
  }
  const problems: VerifyProblem[] = messages.map((message) => ({ kind: 'database', message, affected: [] }));
  for (const { name } of db.all<{ name: string }>('SELECT tasks.name FROM tasks JOIN deltas ON deltas.id = current_delta_id WHERE deltas.task_id <> tasks.id')) {
    problems.push({ kind: 'current-delta', message: `Task ${JSON.stringify(name)} shows the delta of another task.`, affected: [name] });
  }
  return problems;
}

/** Names of the bases and tasks that need a blob. */
function usersOf(db: ReadableDb, sha256: string): string[] {
  return db
    .all<{ name: string }>(
      `SELECT name FROM bases WHERE graph_sha256 = @sha256 OR weights_sha256 = @sha256
       UNION SELECT tasks.name FROM tasks JOIN bases ON bases.id = base_id WHERE graph_sha256 = @sha256 OR weights_sha256 = @sha256
       UNION SELECT tasks.name FROM tasks JOIN deltas ON task_id = tasks.id WHERE blob_sha256 = @sha256`,
      { sha256 },
    )
    .map(({ name }) => name);
}

async function attempt(work: () => Promise<unknown>): Promise<string | null> {
  try {
    await work();
    return null;
  } catch (error) {
    if (error instanceof TapsError) return error.message;
    throw error;
  }
}

/** Files that nothing needs: blobs without a row, temporary files anywhere in the library, folders of runs that are done or gone. */
export async function findGarbage({ reader, blobs, folder, fileSystem }: LibraryContext): Promise<{ orphans: { path: string; sizeBytes: number }[]; leftovers: string[] }> {
  const known = new Set(reader.all<{ sha256: string }>('SELECT sha256 FROM blobs').map(({ sha256 }) => sha256));
  const orphans = (await blobs.files()).filter(({ sha256 }) => !known.has(sha256));
  const runs = new Map(reader.all<{ id: string; status: RunStatus }>('SELECT id, status FROM runs').map(({ id, status }) => [id, status]));
  const leftovers = new Set<string>();
  for (const { path } of await fileSystem.listFiles(folder)) {
    const [top, second, ...rest] = path.split('/');
    // Other machines write there.
    if (top === 'cluster') continue;
    const run = top === 'runs' && second !== undefined && rest.length > 0 ? second : null;
    const status = run === null ? undefined : runs.get(run);
    if (run !== null && (status === undefined || status === 'done')) leftovers.add(join(folder, 'runs', run));
    else if (status !== undefined && ACTIVE.includes(status)) continue;
    else if (path.endsWith(PARTIAL_SUFFIX)) leftovers.add(join(folder, path));
  }
  return { orphans, leftovers: [...leftovers] };
}

export interface VerifyOptions {
  /** Bytes read and in all. */
  onProgress?: ((doneBytes: number, totalBytes: number) => void) | undefined;
  /** Heeded between files. */
  signal?: AbortSignal | undefined;
}

/** Reads every byte of the library. Nothing is changed. @throws TapsError `cancelled` */
export async function verifyLibrary(context: LibraryContext, bases: Bases, deltas: Deltas, { onProgress, signal }: VerifyOptions = {}): Promise<VerifyReport> {
  const { reader, blobs } = context;
  const problems = databaseProblems(reader);
  const broken = new Set<string>();
  let bytesChecked = 0;
  const rows = reader.all<{ sha256: string; bytes: number }>('SELECT sha256, bytes FROM blobs ORDER BY sha256');
  const totalBytes = rows.reduce((sum, { bytes }) => sum + bytes, 0);
  const step = (): void => {
    if (signal?.aborted === true) throw new TapsError('cancelled', 'Verifying the library was cancelled.', 'Start it again when you are ready.');
    onProgress?.(bytesChecked, totalBytes);
  };
  for (const blob of rows) {
    step();
    bytesChecked += blob.bytes;
    const state = await blobs.stateOf(blob);
    if (state === 'intact') continue;
    broken.add(blob.sha256);
    problems.push({ kind: `blob-${state}`, message: `The stored file ${blobs.pathOf(blob.sha256)} ${state === 'missing' ? 'is missing' : 'has changed since it was written'}.`, affected: usersOf(reader, blob.sha256) });
  }

  for (const base of bases.list()) {
    if (broken.has(base.weights.sha256)) continue;
    const message =
      baseIdOf(base.graph.sha256, base.weights.sha256) === base.id
        ? await attempt(() => baseShapes(blobs, base.weights.sha256))
        : 'its id is not that of its files';
    if (message !== null) problems.push({ kind: 'base-invalid', message: `Base ${JSON.stringify(base.name)}: ${message}`, affected: [base.name] });
  }

  let deltasChecked = 0;
  for (const { id, name, base_id: baseId, blob_sha256: sha256 } of reader.all<{ id: string; name: string; base_id: string; blob_sha256: string }>(
    'SELECT deltas.id, name, tasks.base_id, blob_sha256 FROM deltas JOIN tasks ON tasks.id = task_id ORDER BY deltas.id',
  )) {
    if (broken.has(sha256)) continue;
    step();
    deltasChecked += 1;
    const message = await attempt(async () => {
      const base = bases.get(baseId);
      const artifact = await deltas.read(deltas.get(id));
      if (!broken.has(base.weights.sha256)) checkAgainstBase(artifact, base.id, await baseShapes(blobs, base.weights.sha256));
    });
    if (message !== null) problems.push({ kind: 'delta-invalid', message: `Delta ${id} of task ${JSON.stringify(name)}: ${message}`, affected: [name] });
  }

  const { orphans, leftovers } = await findGarbage(context);
  return {
    ok: problems.length === 0,
    problems,
    blobsChecked: rows.length,
    bytesChecked,
    deltasChecked,
    orphanBlobs: orphans.map(({ path }) => path),
    orphanBytes: orphans.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
    leftovers,
  };
}
