/** @file Runs: attempts to learn a task, each with its frozen configuration, its folder and its metrics. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { RunHead, RunRecord, RunStatus } from '../contract/records.ts';
import type { EpochMetrics, MethodId, TrainConfig, TrainResult } from '../contract/training.ts';
import { storageError } from '../platform/storage-error.ts';
import type { LibraryContext } from './context.ts';
import { fromJson, type WritableDb } from './database.ts';
import { newId } from './ids.ts';
import { insertMetrics, metricsByRun } from './metrics.ts';
import { chooseCurrent } from './tasks.ts';

interface RunRow {
  id: string;
  task_id: string;
  dataset_id: string | null;
  config: string;
  status: RunStatus;
  started_at: number;
  finished_at: number | null;
  failure: string | null;
  result: string | null;
}

const ACTIVE: readonly RunStatus[] = ['queued', 'running', 'paused'];
const ENDED: readonly RunStatus[] = ['cancelled', 'failed', 'done'];
const WITH_CHECKPOINT = "('interrupted', 'paused', 'cancelled', 'failed')";

/** Part of the transaction that commits what the run has learnt. */
export function markDone(db: WritableDb, runId: string, result: TrainResult | null): void {
  db.run("UPDATE runs SET status = 'done', finished_at = ?, failure = NULL, result = coalesce(?, result) WHERE id = ?", Date.now(), result === null ? null : JSON.stringify(result), runId);
}

/** Runs that a process left unfinished when it died; those of other machines go on without it. Only the library's single writer may call this, when it opens. */
export function interruptOrphans(db: WritableDb): number {
  // Before version 6 there was nowhere else to run; a library is opened with an older schema by tests of the migrations only.
  const elsewhere = Number(db.pragma('user_version')) < 6 ? '' : 'AND NOT EXISTS (SELECT 1 FROM sweep_entries JOIN sweeps ON sweeps.id = sweep_id WHERE run_id = runs.id AND place IS NOT NULL)';
  return db.run(`UPDATE runs SET status = 'interrupted', finished_at = ? WHERE status IN ('queued', 'running', 'paused') ${elsewhere}`, Date.now());
}

function noSuchRun(runId: string): TapsError {
  return new TapsError('not-found', `There is no run ${JSON.stringify(runId)} in the library.`, 'Run `taps task show` to see the runs of a task.');
}

export class Runs {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  #recordOf(row: RunRow, metrics: EpochMetrics[]): RunRecord {
    return {
      id: row.id,
      taskId: row.task_id,
      datasetId: row.dataset_id,
      config: fromJson(row.config, 'runs.config'),
      status: row.status,
      folder: join(this.#context.folder, 'runs', row.id),
      startedAt: row.started_at,
      finishedAt: row.finished_at,
      failure: row.failure,
      metrics,
      result: row.result === null ? null : fromJson(row.result, 'runs.result'),
    };
  }

  /**
   * Starts a run as `queued` and makes its folder. The configuration never changes afterwards.
   * @throws TapsError `not-found` for the task, `disk-full`, `io-failed`
   */
  create(taskId: string, config: TrainConfig): RunRecord {
    const { writer, folder } = this.#context;
    const id = newId();
    const task = writer.get<{ dataset_id: string }>('SELECT dataset_id FROM tasks WHERE id = ?', taskId);
    if (task === undefined) {
      throw new TapsError('not-found', `There is no task ${JSON.stringify(taskId)} in the library.`, '`taps task list` shows what there is.');
    }
    try {
      mkdirSync(join(folder, 'runs', id), { recursive: true });
    } catch (error) {
      throw storageError(error, 'create', join(folder, 'runs', id));
    }
    writer.run("INSERT INTO runs (id, task_id, dataset_id, method, config, status, started_at) VALUES (?, ?, ?, ?, ?, 'queued', ?)", id, taskId, task.dataset_id, config.method, JSON.stringify(config), Date.now());
    return this.get(id);
  }

  #update(runId: string, assignments: string, ...values: (string | number | null)[]): void {
    const changed = this.#context.writer.run(`UPDATE runs SET ${assignments} WHERE id = ?`, ...values, runId);
    if (changed === 0) throw noSuchRun(runId);
  }

  /** Sets the time of its end as well when the status is a final one. @throws TapsError `not-found` */
  setStatus(runId: string, status: RunStatus): void {
    this.#update(runId, 'status = ?, finished_at = ?', status, ENDED.includes(status) ? Date.now() : null);
  }

  /** @throws TapsError `non-finite` */
  appendMetrics(runId: string, metrics: EpochMetrics): void {
    insertMetrics(this.#context.writer, runId, metrics);
  }

  /** Marks a run done. `deltas.commit` does the same in the transaction that stores the delta. */
  finish(runId: string, result: TrainResult): void {
    this.get(runId);
    markDone(this.#context.writer, runId, result);
  }

  /** @param failure the message, for people */
  fail(runId: string, failure: string): void {
    this.#update(runId, "status = 'failed', finished_at = ?, failure = ?", Date.now(), failure);
  }

  /** Runs of a task, oldest first, with their metrics: two queries. */
  list(taskId: string): RunRecord[] {
    const { reader } = this.#context;
    const metrics = metricsByRun(reader, 'task_id = ?', taskId);
    return reader.all<RunRow>('SELECT * FROM runs WHERE task_id = ? ORDER BY id', taskId).map((row) => this.#recordOf(row, metrics.get(row.id) ?? []));
  }

  /** @throws TapsError `not-found` */
  get(runId: string): RunRecord {
    const { reader } = this.#context;
    const row = reader.get<RunRow>('SELECT * FROM runs WHERE id = ?', runId);
    if (row === undefined) throw noSuchRun(runId);
    return this.#recordOf(row, metricsByRun(reader, 'id = ?', runId).get(runId) ?? []);
  }

  /**
   * Newest first, without metrics.
   * @param filter of one task, of one status; at most `limit`; `results: false` leaves out results, which are long
   */
  heads(filter: { taskId?: string; status?: RunStatus; limit?: number; results?: boolean } = {}): RunHead[] {
    // Only what is asked for is in the condition, so that an index serves it.
    const conditions = ['1', ...(filter.taskId === undefined ? [] : ['task_id = @taskId']), ...(filter.status === undefined ? [] : ['status = @status'])];
    return this.#heads(`${conditions.join(' AND ')} ORDER BY id DESC LIMIT @limit`, filter.results ?? true, {
      ...(filter.taskId === undefined ? {} : { taskId: filter.taskId }),
      ...(filter.status === undefined ? {} : { status: filter.status }),
      limit: filter.limit ?? -1,
    });
  }

  /** One run without its metrics and its result: what is looked at while it goes. @throws TapsError `not-found` */
  head(runId: string): Omit<RunHead, 'result'> {
    const [head] = this.#heads('id = @runId', false, { runId });
    if (head === undefined) throw noSuchRun(runId);
    return head;
  }

  #heads(condition: string, results: boolean, parameters: Record<string, string | number | null>): RunHead[] {
    const columns = `id, task_id, dataset_id, method, config, status, started_at, finished_at, failure, ${results ? 'result' : 'NULL AS result'}`;
    const rows = this.#context.reader.all<RunRow & { epochs_done: number }>(`SELECT ${columns}, (SELECT count(*) FROM metrics WHERE run_id = runs.id) AS epochs_done FROM runs WHERE ${condition}`, parameters);
    return rows.map((row) => {
      const { metrics: _none, ...head } = this.#recordOf(row, []);
      return { ...head, epochsDone: row.epochs_done };
    });
  }

  /**
   * Forgets a run with its metrics, its folder and what it learnt; the task then shows the newest result that is left.
   * @throws TapsError `not-found`; `usage` while the run waits or goes on
   */
  async remove(runId: string): Promise<void> {
    const { writer, folder, fileSystem } = this.#context;
    writer.transaction(() => {
      const { status, taskId } = this.get(runId);
      if (ACTIVE.includes(status)) throw new TapsError('usage', `The run ${runId} is ${status}.`, 'Stop it first.');
      const shown = writer.get('SELECT 1 FROM tasks JOIN deltas ON deltas.id = current_delta_id WHERE tasks.id = ? AND run_id = ?', taskId, runId) !== undefined;
      writer.run('DELETE FROM deltas WHERE run_id = ?', runId);
      writer.run('DELETE FROM runs WHERE id = ?', runId);
      if (shown) chooseCurrent(writer, taskId);
    });
    // The run is gone already; a folder that cannot be removed now is garbage for later.
    await fileSystem.remove(join(folder, 'runs', runId)).catch(() => undefined);
  }

  /** The newest run that stopped before its end and may have a checkpoint; of one method when given. */
  latestResumable(taskId: string, method: MethodId | null = null): RunRecord | null {
    const row = this.#context.reader.get<{ id: string }>(
      `SELECT id FROM runs WHERE task_id = @taskId AND status IN ${WITH_CHECKPOINT} AND (@method IS NULL OR method = @method) ORDER BY id DESC LIMIT 1`,
      { taskId, method },
    );
    return row === undefined ? null : this.get(row.id);
  }
}
