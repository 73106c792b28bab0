/** @file Tasks: what is learnt on a base from a dataset, under a name. */
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { TaskRecord } from '../contract/records.ts';
import { orderKey } from '../core/search-words.ts';
import type { LibraryContext } from './context.ts';
import { fromJson, type ReadableDb, type WritableDb } from './database.ts';
import { newId } from './ids.ts';
import { checkName, notFound } from './names.ts';
import { recentTasks, summaries, taskPage, totalsByBase, type BaseTotals, type Hidden, type TaskPage, type TaskQuery, type TaskSummary } from './task-pages.ts';
import { recordOf, type TaskRow } from './task-row.ts';
import { writeText } from './task-texts.ts';

export function findTask(db: ReadableDb, nameOrId: string): TaskRecord | null {
  const row = db.get<TaskRow>('SELECT * FROM tasks WHERE id = ?', nameOrId) ?? db.get<TaskRow>('SELECT * FROM tasks WHERE name = ?', nameOrId);
  return row === undefined ? null : recordOf(row);
}

/** The task's current delta is its newest TAPS delta, else its newest. */
export function chooseCurrent(db: WritableDb, taskId: string): void {
  db.run(
    `UPDATE tasks SET current_delta_id = (SELECT id FROM deltas WHERE task_id = @taskId ORDER BY method = 'taps' DESC, id DESC LIMIT 1) WHERE id = @taskId`,
    { taskId },
  );
}

/** Part of the transaction that makes the task. */
export function insertTask(db: WritableDb, task: TaskRecord): void {
  db.run(
    'INSERT INTO tasks (id, name, sort_name, base_id, dataset_id, class_names, classes, created_at, notes, tags) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
    task.id, task.name, orderKey(task.name), task.baseId, task.datasetId, JSON.stringify(task.classNames), task.classNames.length, task.createdAt, task.notes, JSON.stringify(task.tags),
  );
  writeText(db, task.id, task);
}

export class Tasks {
  readonly #context: LibraryContext;

  constructor(context: LibraryContext) {
    this.#context = context;
  }

  /** @throws TapsError `already-exists`, `invalid-config`; `not-found` for the base or the dataset */
  add({ name, baseId, datasetId, classNames }: Pick<TaskRecord, 'name' | 'baseId' | 'datasetId' | 'classNames'>): TaskRecord {
    const { writer } = this.#context;
    checkName('task', name);
    const record: TaskRecord = { id: newId(), name, baseId, datasetId, classNames, createdAt: Date.now(), currentDeltaId: null, notes: '', tags: [] };
    return writer.transaction(() => {
      if (findTask(writer, name) !== null) throw new TapsError('already-exists', `The library has a task named ${JSON.stringify(name)} already.`, 'Choose another name, or remove that task first.');
      if (writer.get('SELECT 1 FROM bases WHERE id = ?', baseId) === undefined) throw notFound('base', baseId, []);
      if (writer.get('SELECT 1 FROM datasets WHERE id = ?', datasetId) === undefined) {
        throw new TapsError('not-found', `There is no dataset ${JSON.stringify(datasetId)} in the library.`, 'Record its manifest first.');
      }
      insertTask(writer, record);
      return record;
    });
  }

  /** By name, in one query. */
  list(): TaskRecord[] {
    return this.#context.reader.all<TaskRow>('SELECT * FROM tasks ORDER BY name').map(recordOf);
  }

  /** A part of the list as it is shown, with what is known of each task; the number of all that match beside it. */
  page(query: TaskQuery = {}): TaskPage {
    return taskPage(this.#context.reader, query);
  }

  /** What lists show of these tasks, in the order of the ids. */
  summaries(ids: readonly string[], hidden?: Hidden): TaskSummary[] {
    return summaries(this.#context.reader, ids, hidden);
  }

  /** Tasks and the bytes of their current results, by base. */
  totals(hidden?: Hidden): BaseTotals[] {
    return totalsByBase(this.#context.reader, hidden);
  }

  /** By the newest thing that happened to a task, newest first: its making or the start of a run. */
  recent(limit: number, hidden?: Hidden): { id: string; name: string }[] {
    return recentTasks(this.#context.reader, limit, hidden);
  }

  count(): number {
    return this.#context.reader.get<{ count: number }>('SELECT count(*) AS count FROM tasks')?.count ?? 0;
  }

  /** By id or name; null when there is none. */
  find(nameOrId: string): TaskRecord | null {
    return findTask(this.#context.reader, nameOrId);
  }

  /** By id alone: a name may look like one. null when there is none. */
  findById(id: string): TaskRecord | null {
    const row = this.#context.reader.get<TaskRow>('SELECT * FROM tasks WHERE id = ?', id);
    return row === undefined ? null : recordOf(row);
  }

  isNameTaken(name: string): boolean {
    return this.#context.reader.get('SELECT 1 FROM tasks WHERE name = ?', name) !== undefined;
  }

  /** Names of the tasks on a base, in order. */
  namesOfBase(baseId: string): { id: string; name: string }[] {
    return this.#context.reader.all<{ id: string; name: string }>('SELECT id, name FROM tasks WHERE base_id = ? ORDER BY sort_name, id', baseId);
  }

  /** @throws TapsError `not-found` with the names that come near */
  get(nameOrId: string): TaskRecord {
    const { reader } = this.#context;
    const task = findTask(reader, nameOrId);
    if (task !== null) return task;
    throw notFound('task', nameOrId, reader.all<{ name: string }>('SELECT name FROM tasks').map(({ name }) => name));
  }

  /**
   * Forgets a task with its runs, metrics and deltas, and removes its run folders. Blobs become garbage.
   * @throws TapsError `not-found`
   */
  async remove(nameOrId: string): Promise<void> {
    const { writer, folder, fileSystem } = this.#context;
    const runs = writer.transaction(() => {
      const { id } = this.get(nameOrId);
      const ids = writer.all<{ id: string }>('SELECT id FROM runs WHERE task_id = ?', id).map((run) => run.id);
      writer.run('DELETE FROM tasks WHERE id = ?', id);
      return ids;
    });
    // The task is gone already; a folder that cannot be removed now is garbage for later.
    for (const id of runs) await fileSystem.remove(join(folder, 'runs', id)).catch(() => undefined);
  }

  /**
   * Changes what a person writes about a task, and which result it shows.
   * @throws TapsError `not-found` for the task, or a delta that is not one of its own; `already-exists` when another task has the name; `invalid-config`
   */
  update(nameOrId: string, { name, notes, tags, currentDeltaId }: { name?: string | undefined; notes?: string | undefined; tags?: string[] | undefined; currentDeltaId?: string | undefined }): TaskRecord {
    const { writer } = this.#context;
    if (name !== undefined) checkName('task', name);
    return writer.transaction(() => {
      const { id } = this.get(nameOrId);
      if (name !== undefined && writer.get('SELECT 1 FROM tasks WHERE name = ? AND id <> ?', name, id) !== undefined) {
        throw new TapsError('already-exists', `The library has a task named ${JSON.stringify(name)} already.`, 'Choose another name.');
      }
      writer.run('UPDATE tasks SET name = coalesce(?, name), notes = coalesce(?, notes), tags = coalesce(?, tags) WHERE id = ?', name ?? null, notes ?? null, tags === undefined ? null : JSON.stringify(tags), id);
      const changed = this.get(id);
      if (name !== undefined) writer.run('UPDATE tasks SET sort_name = ? WHERE id = ?', orderKey(name), id);
      if (name !== undefined || notes !== undefined || tags !== undefined) writeText(writer, id, changed);
      return currentDeltaId === undefined ? changed : this.setCurrentDelta(id, currentDeltaId);
    });
  }

  /**
   * Makes another dataset version the one that new runs learn from. Runs that exist keep theirs.
   * @throws TapsError `not-found`; `run-incompatible` when the dataset has other classes than the task
   */
  setDataset(taskId: string, datasetId: string): TaskRecord {
    const { writer } = this.#context;
    return writer.transaction(() => {
      const task = this.get(taskId);
      const row = writer.get<{ classes: string }>("SELECT json_extract(manifest, '$.classes') AS classes FROM datasets WHERE id = ?", datasetId);
      if (row === undefined) throw new TapsError('not-found', `There is no dataset ${JSON.stringify(datasetId)} in the library.`, 'Record its manifest first.');
      if (JSON.stringify(fromJson(row.classes, 'datasets.manifest')) !== JSON.stringify(task.classNames)) {
        throw new TapsError('run-incompatible', `The dataset has other classes than the ${String(task.classNames.length)} of task ${JSON.stringify(task.name)}.`, 'Add a new task for these classes.');
      }
      writer.run('UPDATE tasks SET dataset_id = ? WHERE id = ?', datasetId, task.id);
      return this.get(task.id);
    });
  }

  /** @throws TapsError `not-found` when the delta is not one of this task's */
  setCurrentDelta(taskId: string, deltaId: string): TaskRecord {
    const { writer } = this.#context;
    return writer.transaction(() => {
      const changed = writer.run('UPDATE tasks SET current_delta_id = @deltaId WHERE id = @taskId AND EXISTS (SELECT 1 FROM deltas WHERE id = @deltaId AND task_id = @taskId)', { deltaId, taskId });
      if (changed === 0) throw new TapsError('not-found', `Task ${JSON.stringify(taskId)} has no delta ${JSON.stringify(deltaId)}.`, 'Run `taps task show` to see its deltas.');
      return this.get(taskId);
    });
  }
}
