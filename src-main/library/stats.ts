/** @file What a library costs on disk, and what it would cost with a full copy of the network per task. */
import type { BaseRecord } from '../contract/records.ts';
import type { LibraryContext } from './context.ts';
import { fromJson } from './database.ts';

const FLOAT_BYTES = 4;

export interface TaskStats {
  taskId: string;
  name: string;
  /** Size on disk of the current delta; 0 before the first run is done. */
  currentDeltaBytes: number;
  /** Of all its deltas, equal files counted once. */
  allDeltasBytes: number;
  /** Backbone of its base and its own head, 4 bytes a number. */
  fullCopyBytes: number;
}

export interface LibraryStats {
  bases: number;
  tasks: number;
  runs: number;
  deltas: number;
  /** library.db with its journal. */
  databaseBytes: number;
  /** Graphs and weights of all bases. */
  baseBytes: number;
  /** All delta files. */
  deltaBytes: number;
  /** Current deltas only: what the learnt tasks need. */
  currentDeltaBytes: number;
  /** Learnt tasks as full copies: compare with baseBytes + currentDeltaBytes. */
  fullCopiesBytes: number;
  perTask: TaskStats[];
}

interface TaskRow {
  id: string;
  name: string;
  classes: number;
  base_id: string;
  current_sha256: string | null;
}

/** Sizes are those of the files, not of the records. */
export async function libraryStats({ reader, blobs, fileSystem }: LibraryContext): Promise<LibraryStats> {
  const sizeOnDisk = new Map((await blobs.files()).map(({ sha256, sizeBytes }) => [sha256, sizeBytes]));
  const total = (hashes: Iterable<string>): number => [...new Set(hashes)].reduce((sum, sha256) => sum + (sizeOnDisk.get(sha256) ?? 0), 0);
  const count = (table: 'bases' | 'tasks' | 'runs' | 'deltas'): number => reader.get<{ count: number }>(`SELECT count(*) AS count FROM ${table}`)?.count ?? 0;

  let databaseBytes = 0;
  for (const suffix of ['', '-wal', '-shm', '-journal']) databaseBytes += (await fileSystem.sizeOf(reader.path + suffix)) ?? 0;

  const deltas = reader.all<{ task_id: string; sha256: string }>('SELECT task_id, blob_sha256 AS sha256 FROM deltas');
  const byTask = Map.groupBy(deltas, (delta) => delta.task_id);
  const rows = reader.all<TaskRow>(
    'SELECT tasks.id, tasks.name, classes, tasks.base_id, blob_sha256 AS current_sha256 FROM tasks LEFT JOIN deltas ON deltas.id = current_delta_id ORDER BY tasks.name',
  );
  const summaries = new Map(reader.all<{ id: string; summary: string }>('SELECT id, summary FROM bases').map(({ id, summary }) => [id, fromJson<BaseRecord['summary']>(summary, 'bases.summary')]));
  const fullCopyBytes = ({ base_id: baseId, classes }: TaskRow): number => {
    const { backboneBytes = 0, features = 0 } = summaries.get(baseId) ?? {};
    return backboneBytes + (features + 1) * classes * FLOAT_BYTES;
  };
  const perTask = rows.map((row) => ({
    taskId: row.id,
    name: row.name,
    currentDeltaBytes: row.current_sha256 === null ? 0 : total([row.current_sha256]),
    allDeltasBytes: total((byTask.get(row.id) ?? []).map(({ sha256 }) => sha256)),
    fullCopyBytes: fullCopyBytes(row),
  }));
  const learnt = new Set(rows.filter((row) => row.current_sha256 !== null).map(({ id }) => id));
  return {
    bases: count('bases'),
    tasks: rows.length,
    runs: count('runs'),
    deltas: deltas.length,
    databaseBytes,
    baseBytes: total(reader.all<{ sha256: string }>('SELECT graph_sha256 AS sha256 FROM bases UNION SELECT weights_sha256 FROM bases').map(({ sha256 }) => sha256)),
    deltaBytes: total(deltas.map(({ sha256 }) => sha256)),
    currentDeltaBytes: total(rows.flatMap((row) => row.current_sha256 ?? [])),
    fullCopiesBytes: perTask.filter(({ taskId }) => learnt.has(taskId)).reduce((sum, task) => sum + task.fullCopyBytes, 0),
    perTask,
  };
}
