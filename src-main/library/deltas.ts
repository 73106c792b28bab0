/** @file Deltas: what finished runs have learnt. One transaction makes a delta exist. */
import { join } from 'node:path';
import type { CompressionReport, Encoding } from '../contract/compression.ts';
import { TapsError } from '../contract/errors.ts';
import type { DeltaRecord, TaskRecord } from '../contract/records.ts';
import type { MethodId, TaskArtifact, TrainResult } from '../contract/training.ts';
import { checkAgainstBase, storedParameters } from '../formats/task-artifact-check.ts';
import { decodeTaskFile } from '../formats/task-file.ts';
import { storageError } from '../platform/storage-error.ts';
import { baseShapes, findBase } from './bases.ts';
import { insertBlob } from './blobs.ts';
import type { LibraryContext } from './context.ts';
import { fromJson, type WritableDb } from './database.ts';
import { newId } from './ids.ts';
import { markDone } from './runs.ts';
import { chooseCurrent, findTask } from './tasks.ts';

interface DeltaRow {
  id: string;
  task_id: string;
  run_id: string | null;
  method: MethodId;
  base_id: string;
  blob_sha256: string;
  blob_bytes: number;
  layers: string;
  layers_open: number;
  layers_total: number;
  parameters: number;
  test_accuracy: number | null;
  validation_accuracy: number | null;
  path_level: number | null;
  derived_from: string | null;
  compression: string | null;
  created_at: number;
}

const SELECT = 'SELECT deltas.*, blobs.bytes AS blob_bytes FROM deltas JOIN blobs ON sha256 = blob_sha256';

/** What tables of many results show. */
export interface DeltaFigures extends Pick<DeltaRecord, 'id' | 'taskId' | 'method' | 'testAccuracy' | 'layersOpen' | 'layersTotal' | 'parameters'> {
  bytes: number;
  /** Of a smaller form; null for a result as it was learnt. */
  encoding: Encoding | null;
}

type FiguresRow = Pick<DeltaRow, 'id' | 'task_id' | 'method' | 'test_accuracy' | 'layers_open' | 'layers_total' | 'parameters' | 'blob_bytes'> & { encoding: Encoding | null };

const FIGURES = "SELECT deltas.id, task_id, method, test_accuracy, layers_open, layers_total, parameters, json_extract(compression, '$.encoding') AS encoding, blobs.bytes AS blob_bytes FROM deltas JOIN blobs ON sha256 = blob_sha256";

function recordOf(row: DeltaRow): DeltaRecord {
  return {
    id: row.id,
    taskId: row.task_id,
    runId: row.run_id,
    method: row.method,
    baseId: row.base_id,
    blob: { sha256: row.blob_sha256, bytes: row.blob_bytes },
    layers: fromJson(row.layers, 'deltas.layers'),
    layersOpen: row.layers_open,
    layersTotal: row.layers_total,
    parameters: row.parameters,
    testAccuracy: row.test_accuracy,
    validationAccuracy: row.validation_accuracy,
    pathLevel: row.path_level,
    derivedFrom: row.derived_from,
    compression: row.compression === null ? null : fromJson(row.compression, 'deltas.compression'),
    createdAt: row.created_at,
  };
}

/** Part of the transaction that makes it exist. */
export function insertDelta(db: WritableDb, delta: DeltaRecord): void {
  insertBlob(db, delta.blob);
  db.run(
    `INSERT INTO deltas (id, task_id, run_id, method, base_id, blob_sha256, layers, layers_open, layers_total, parameters, test_accuracy, validation_accuracy, path_level, derived_from, compression, created_at)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    delta.id, delta.taskId, delta.runId, delta.method, delta.baseId, delta.blob.sha256, JSON.stringify(delta.layers),
    delta.layersOpen, delta.layersTotal, delta.parameters, delta.testAccuracy, delta.validationAccuracy, delta.pathLevel, delta.derivedFrom,
    delta.compression === null ? null : JSON.stringify(delta.compression), delta.createdAt,
  );
}

/** One result as it comes: a task file with what was measured of it. */
export interface NewResult {
  /** A task file: its bytes, or its path. */
  artifact: Uint8Array | string;
  /** Fraction 0..1; null when not measured. */
  testAccuracy: number | null;
  /** Fraction 0..1; absent means that of `result`. */
  validationAccuracy?: number | null;
  /** For a level of a path: its place, from 0. */
  pathLevel?: number | null;
}

export interface NewDelta extends NewResult {
  taskId: string;
  /** null for an unpacked task. */
  runId: string | null;
  /** Stored with the run in the same transaction. */
  result?: TrainResult;
  /** Further results of the run (the other levels of a path), stored in the same transaction as older than this one. */
  others?: readonly NewResult[];
}

export class Deltas {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  async #load(artifact: Uint8Array | string): Promise<Uint8Array> {
    if (typeof artifact !== 'string') return artifact;
    const { fileSystem } = this.#context;
    try {
      return await fileSystem.readFile(artifact);
    } catch (error) {
      throw storageError(error, 'read', artifact);
    }
  }

  /** The task and the parsed artefact, once they are known to belong together. */
  async #check(taskId: string, runId: string | null, bytes: Uint8Array): Promise<{ task: TaskRecord; artifact: TaskArtifact }> {
    const { reader, blobs } = this.#context;
    const task = findTask(reader, taskId);
    if (task === null) throw new TapsError('not-found', `There is no task ${JSON.stringify(taskId)} in the library.`, '`taps task list` shows what there is.');
    if (runId !== null && reader.get('SELECT 1 FROM runs WHERE id = ? AND task_id = ?', runId, task.id) === undefined) {
      throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no run ${JSON.stringify(runId)}.`, 'Run `taps task show` to see its runs.');
    }
    const base = findBase(reader, task.baseId);
    if (base === null) throw new TapsError('library-damaged', `The base ${task.baseId} of task ${JSON.stringify(task.name)} is missing.`, 'Run `taps library verify`.');
    const artifact = decodeTaskFile(bytes);
    checkAgainstBase(artifact, base.id, await baseShapes(blobs, base.weights.sha256));
    const expected = JSON.stringify(task.classNames);
    if (JSON.stringify(artifact.classNames) !== expected) {
      throw new TapsError('run-incompatible', `The artefact has ${String(artifact.classNames.length)} classes that are not the ${String(task.classNames.length)} of task ${JSON.stringify(task.name)}.`, 'Learn the task again, or add a new task for these classes.');
    }
    return { task, artifact };
  }

  /** Checkpoints and artefact of a finished run only cost room. What cannot be removed now is garbage for later. */
  async #removeRunFolder(runId: string): Promise<void> {
    const { folder, fileSystem } = this.#context;
    await fileSystem.remove(join(folder, 'runs', runId)).catch(() => undefined);
  }

  /**
   * Stores what a run has learnt and removes the run's folder. When it returns, all its deltas are durable, the run is done and the task
   * shows the delta that is returned; when it throws, none of this has happened.
   * @throws TapsError `not-found`, `model-malformed`, `non-finite`, `base-mismatch`, `run-incompatible`, `disk-full`, `io-failed`
   */
  async commit(made: NewDelta): Promise<DeltaRecord> {
    const { taskId, runId, result } = made;
    const { writer } = this.#context;
    return this.#context.exclusive(async () => {
      const deltas: DeltaRecord[] = [];
      // One after the other: a path's levels need not be in memory together.
      for (const each of made.others ?? []) deltas.push(await this.#store(taskId, runId, each, null));
      const delta = await this.#store(taskId, runId, made, result?.validation.accuracy ?? null);
      writer.transaction(() => {
        for (const each of [...deltas, delta]) insertDelta(writer, each);
        if (runId !== null) markDone(writer, runId, result ?? null);
        chooseCurrent(writer, delta.taskId);
      });
      if (runId !== null) await this.#removeRunFolder(runId);
      return delta;
    });
  }

  /**
   * Stores another result of the same run that was made from one of its results; the old one stays.
   * @param artifact a task file: its bytes, or its path
   * @throws TapsError `not-found`, `model-malformed`, `non-finite`, `base-mismatch`, `disk-full`, `io-failed`
   */
  async commitDerived(from: DeltaRecord, artifact: Uint8Array | string, compression: CompressionReport): Promise<DeltaRecord> {
    const { writer } = this.#context;
    return this.#context.exclusive(async () => {
      const made = { artifact, testAccuracy: compression.test.images === 0 ? null : compression.test.accuracy, validationAccuracy: compression.validationAfter.accuracy, pathLevel: from.pathLevel };
      const delta = { ...(await this.#store(from.taskId, from.runId, made, null)), derivedFrom: from.id, compression };
      writer.transaction(() => {
        insertDelta(writer, delta);
        chooseCurrent(writer, delta.taskId);
      });
      return delta;
    });
  }

  /** Puts the file among the blobs, where it is garbage until a row refers to it. */
  async #store(taskId: string, runId: string | null, made: NewResult, validationOfRun: number | null): Promise<DeltaRecord> {
    const bytes = await this.#load(made.artifact);
    const { task, artifact } = await this.#check(taskId, runId, bytes);
    const blob = await this.#context.blobs.put(bytes);
    return {
      id: newId(),
      taskId: task.id,
      runId,
      method: artifact.method,
      baseId: artifact.baseId,
      blob,
      layers: artifact.layers,
      layersOpen: artifact.layers.filter((layer) => layer.open).length,
      layersTotal: artifact.layers.length,
      parameters: storedParameters(artifact),
      testAccuracy: made.testAccuracy,
      validationAccuracy: made.validationAccuracy ?? validationOfRun,
      pathLevel: made.pathLevel ?? null,
      derivedFrom: null,
      compression: null,
      createdAt: Date.now(),
    };
  }

  /** Oldest first. */
  list(taskId: string): DeltaRecord[] {
    return this.#context.reader.all<DeltaRow>(`${SELECT} WHERE task_id = ? ORDER BY id`, taskId).map(recordOf);
  }

  /** Results of all tasks, or of one, without their layers: oldest first within a task. In one query. */
  figures(taskId: string | null = null): DeltaFigures[] {
    return this.#context.reader
      .all<FiguresRow>(`${FIGURES}${taskId === null ? '' : ' WHERE task_id = @taskId'} ORDER BY task_id, deltas.id`, taskId === null ? {} : { taskId })
      .map((row) => ({
        id: row.id,
        taskId: row.task_id,
        method: row.method,
        testAccuracy: row.test_accuracy,
        layersOpen: row.layers_open,
        layersTotal: row.layers_total,
        parameters: row.parameters,
        bytes: row.blob_bytes,
        encoding: row.encoding,
      }));
  }

  /** Tasks that have results, the one with the newest first, with their number of results. */
  countsByTask(): { taskId: string; results: number }[] {
    return this.#context.reader.all<{ taskId: string; results: number }>('SELECT task_id AS taskId, count(*) AS results FROM deltas GROUP BY task_id ORDER BY max(id) DESC');
  }

  /** The oldest of all results on a base; null when nothing was learnt on it. */
  firstOfBase(baseId: string): DeltaRecord | null {
    const row = this.#context.reader.get<DeltaRow>(`${SELECT} WHERE base_id = ? ORDER BY id LIMIT 1`, baseId);
    return row === undefined ? null : recordOf(row);
  }

  /** @throws TapsError `not-found` */
  get(deltaId: string): DeltaRecord {
    const row = this.#context.reader.get<DeltaRow>(`${SELECT} WHERE id = ?`, deltaId);
    if (row === undefined) throw new TapsError('not-found', `There is no delta ${JSON.stringify(deltaId)} in the library.`, 'Run `taps task show` to see the deltas of a task.');
    return recordOf(row);
  }

  /** Id of what a run has learnt, the chosen level of a path; null before it is done. */
  idOfRun(runId: string): string | null {
    return this.#context.reader.get<{ id: string }>('SELECT id FROM deltas WHERE run_id = ? AND derived_from IS NULL ORDER BY id DESC LIMIT 1', runId)?.id ?? null;
  }

  /** All that a run has learnt, the levels of a path in their order; not what was made of them. */
  listOfRun(runId: string): DeltaRecord[] {
    return this.#context.reader.all<DeltaRow>(`${SELECT} WHERE run_id = ? AND derived_from IS NULL ORDER BY path_level, id`, runId).map(recordOf);
  }

  /** What was made of a run's results, oldest first. */
  derivedOfRun(runId: string): DeltaRecord[] {
    return this.#context.reader.all<DeltaRow>(`${SELECT} WHERE run_id = ? AND derived_from IS NOT NULL ORDER BY id`, runId).map(recordOf);
  }

  /** The stored file, after its size and hash were compared. @throws TapsError `library-damaged` */
  async readBytes(delta: DeltaRecord): Promise<Uint8Array<ArrayBuffer>> {
    return this.#context.blobs.read(delta.blob);
  }

  /** @throws TapsError `library-damaged`, `model-malformed`, `non-finite` */
  async read(delta: DeltaRecord): Promise<TaskArtifact> {
    return decodeTaskFile(await this.readBytes(delta));
  }

  /** Absolute path of its file. */
  path(delta: DeltaRecord): string {
    return this.#context.blobs.pathOf(delta.blob.sha256);
  }
}
