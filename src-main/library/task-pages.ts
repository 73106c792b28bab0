/** @file Tasks as lists show them: searched, sorted, a page at a time, with what is known of them; and sums over all. Reads only. */
import type { DeltaRecord, RunStatus, TaskRecord } from '../contract/records.ts';
import type { TaskSort } from '../contract/studio/library.ts';
import type { MethodId } from '../contract/training.ts';
import { foldText, searchWords } from '../core/search-words.ts';
import { fromJson, type ReadableDb, type SqlValue } from './database.ts';
import { textCondition } from './task-texts.ts';
import { recordOf, type TaskRow } from './task-row.ts';


export interface Hidden {
  /** Ids of what is about to be removed and does not count any more. */
  tasks: readonly string[];
  runs: readonly string[];
}

export interface TaskQuery {
  /** Words that must all occur, each anywhere in name, tags, classes, notes or the base's name. Default: all tasks. */
  text?: string;
  /** Default: by name. Tasks without the figure that is sorted by come last; ties by name. */
  sort?: TaskSort;
  /** Of this base only. */
  baseId?: string | undefined;
  /** Default 0. */
  offset?: number;
  /** Default: no limit. */
  limit?: number;
  hidden?: Hidden;
}

export interface TaskSummary extends TaskRecord {
  baseName: string;
  /** The current result; null before the first. */
  current: (Pick<DeltaRecord, 'id' | 'method' | 'testAccuracy' | 'layersOpen' | 'layersTotal' | 'createdAt'> & { bytes: number }) | null;
  results: number;
  newestRun: { id: string; status: RunStatus; method: MethodId } | null;
  /** Of its dataset, and places of a few of them. */
  images: number;
  coverIndices: number[];
}

export interface TaskPage {
  tasks: TaskSummary[];
  /** That match, on all pages. */
  total: number;
}

/** Learnt tasks of one base together. */
export interface BaseTotals {
  baseId: string;
  /** Learnt or not. */
  tasks: number;
  learnt: number;
  /** Classes of the learnt tasks, and bytes of their current results. */
  classes: number;
  bytes: number;
}

const NOTHING: Hidden = { tasks: [], runs: [] };

const FROM = 'FROM tasks JOIN task_texts ON task_texts.task_id = tasks.id';
const WITH_CURRENT = 'LEFT JOIN deltas AS current ON current.id = tasks.current_delta_id LEFT JOIN blobs ON blobs.sha256 = current.blob_sha256';
/** For lists of all tasks: the planner would rather read whole deltas, layers and all. */
const WITH_FIGURES = 'LEFT JOIN deltas AS current INDEXED BY deltas_figures ON current.id = tasks.current_delta_id';
const WITH_BYTES = `${WITH_FIGURES} LEFT JOIN blobs ON blobs.sha256 = current.blob_sha256`;
const ORDERS: Record<TaskSort, { join: string; by: string }> = {
  newest: { join: '', by: 'tasks.created_at DESC, tasks.sort_name, tasks.id' },
  name: { join: '', by: 'tasks.sort_name, tasks.id' },
  accuracy: { join: WITH_FIGURES, by: 'current.test_accuracy DESC NULLS LAST, tasks.sort_name, tasks.id' },
  bytes: { join: WITH_BYTES, by: 'blobs.bytes ASC NULLS LAST, tasks.sort_name, tasks.id' },
};

export function taskPage(db: ReadableDb, { text = '', sort = 'name', baseId, offset = 0, limit = -1, hidden = NOTHING }: TaskQuery): TaskPage {
  const words = searchWords(text);
  const bases = words.length === 0 ? [] : db.all<{ id: string; name: string }>('SELECT id, name FROM bases').map(({ id, name }) => ({ id, name: foldText(name) }));
  const found = textCondition(words, (word) => bases.filter(({ name }) => name.includes(word)).map(({ id }) => id));
  const parameters: Record<string, SqlValue> = { ...found.parameters };
  const conditions = found.sql === '' ? [] : [found.sql];
  if (baseId !== undefined) {
    conditions.push('tasks.base_id = @baseId');
    parameters['baseId'] = baseId;
  }
  if (hidden.tasks.length > 0) {
    conditions.push('tasks.id NOT IN (SELECT value FROM json_each(@hiddenTasks))');
    parameters['hiddenTasks'] = JSON.stringify(hidden.tasks);
  }
  const where = conditions.length === 0 ? '' : `WHERE ${conditions.join(' AND ')}`;
  const from = words.length === 0 ? 'FROM tasks' : FROM;
  const { join, by } = ORDERS[sort];
  const ids = db.all<{ id: string }>(`SELECT tasks.id ${from} ${join} ${where} ORDER BY ${by} LIMIT @limit OFFSET @offset`, { ...parameters, limit, offset }).map(({ id }) => id);
  const total = db.get<{ total: number }>(`SELECT count(*) AS total ${from} ${where}`, parameters)?.total ?? 0;
  return { tasks: summaries(db, ids, hidden), total };
}

interface SummaryRow extends TaskRow {
  base_name: string;
  images: number;
  covers: string;
  current_run_id: string | null;
  method: MethodId | null;
  test_accuracy: number | null;
  layers_open: number | null;
  layers_total: number | null;
  delta_created_at: number | null;
  bytes: number | null;
  results: number;
  run_id: string | null;
}

const SUMMARIES = `
  SELECT tasks.id, tasks.name, tasks.base_id, dataset_id, tasks.class_names, tasks.created_at, current_delta_id, tasks.notes, tasks.tags,
    bases.name AS base_name, datasets.images, datasets.covers,
    current.run_id AS current_run_id, current.method, current.test_accuracy, current.layers_open, current.layers_total, current.created_at AS delta_created_at, blobs.bytes,
    (SELECT count(*) FROM deltas WHERE deltas.task_id = tasks.id AND (run_id IS NULL OR run_id NOT IN (SELECT value FROM json_each(@hiddenRuns)))) AS results,
    (SELECT runs.id FROM runs WHERE runs.task_id = tasks.id AND runs.id NOT IN (SELECT value FROM json_each(@hiddenRuns)) ORDER BY runs.id DESC LIMIT 1) AS run_id
  FROM json_each(@ids) AS chosen JOIN tasks ON tasks.id = chosen.value JOIN bases ON bases.id = tasks.base_id JOIN datasets ON datasets.id = dataset_id ${WITH_CURRENT}
  ORDER BY chosen.key`;

/** In the order of the ids. */
export function summaries(db: ReadableDb, ids: readonly string[], hidden: Hidden = NOTHING): TaskSummary[] {
  return db.all<SummaryRow>(SUMMARIES, { ids: JSON.stringify(ids), hiddenRuns: JSON.stringify(hidden.runs) }).map((row) => ({
    ...recordOf(row),
    baseName: row.base_name,
    current: currentOf(row, hidden),
    results: row.results,
    newestRun: row.run_id === null ? null : newestRun(db, row.run_id),
    images: row.images,
    coverIndices: fromJson(row.covers, 'datasets.covers'),
  }));
}

function currentOf({ current_delta_id: id, current_run_id: runId, method, test_accuracy: testAccuracy, layers_open: layersOpen, layers_total: layersTotal, delta_created_at: createdAt, bytes }: SummaryRow, hidden: Hidden): TaskSummary['current'] {
  if (id === null || method === null || (runId !== null && hidden.runs.includes(runId))) return null;
  return { id, method, testAccuracy, layersOpen: layersOpen ?? 0, layersTotal: layersTotal ?? 0, createdAt: createdAt ?? 0, bytes: bytes ?? 0 };
}

function newestRun(db: ReadableDb, id: string): TaskSummary['newestRun'] {
  return db.get<{ id: string; status: RunStatus; method: MethodId }>('SELECT id, status, method FROM runs WHERE id = ?', id) ?? null;
}

/** One row per base that has tasks. */
export function totalsByBase(db: ReadableDb, hidden: Hidden = NOTHING): BaseTotals[] {
  return db.all<{ baseId: string; tasks: number; learnt: number; classes: number; bytes: number }>(
    `SELECT tasks.base_id AS baseId, count(*) AS tasks, count(current.id) AS learnt,
       coalesce(sum(CASE WHEN current.id IS NULL THEN 0 ELSE classes END), 0) AS classes, coalesce(sum(blobs.bytes), 0) AS bytes
     FROM tasks ${WITH_FIGURES} AND (current.run_id IS NULL OR current.run_id NOT IN (SELECT value FROM json_each(@hiddenRuns)))
       LEFT JOIN blobs ON blobs.sha256 = current.blob_sha256
     WHERE tasks.id NOT IN (SELECT value FROM json_each(@hiddenTasks))
     GROUP BY tasks.base_id`,
    { hiddenTasks: JSON.stringify(hidden.tasks), hiddenRuns: JSON.stringify(hidden.runs) },
  );
}

/** By the newest thing that happened to a task: its making or the start of a run. */
export function recentTasks(db: ReadableDb, limit: number, hidden: Hidden = NOTHING): { id: string; name: string }[] {
  return db.all<{ id: string; name: string }>(
    `SELECT tasks.id, tasks.name FROM (
       SELECT * FROM (SELECT id AS task_id, created_at AS at FROM tasks WHERE id NOT IN (SELECT value FROM json_each(@tasks)) ORDER BY created_at DESC LIMIT @limit)
       UNION ALL
       SELECT runs.task_id, started_at FROM (
         SELECT max(id) AS newest FROM runs WHERE task_id NOT IN (SELECT value FROM json_each(@tasks)) AND id NOT IN (SELECT value FROM json_each(@runs)) GROUP BY task_id ORDER BY newest DESC LIMIT @limit
       ) JOIN runs ON runs.id = newest
     ) JOIN tasks ON tasks.id = task_id GROUP BY task_id ORDER BY max(at) DESC, tasks.id DESC LIMIT @limit`,
    { limit, tasks: JSON.stringify(hidden.tasks), runs: JSON.stringify(hidden.runs) },
  );
}
