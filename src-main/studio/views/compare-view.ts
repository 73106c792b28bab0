/** @file Every stored result of chosen tasks with what it cost and brought. */
import type { BaseRecord, TaskRecord } from '../../contract/records.ts';
import type { ComparePoint, CompareView } from '../../contract/studio/compare.ts';
import { orderKey } from '../../core/search-words.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import type { LibrarySession } from '../library-session.ts';
import { baseBytes, layersOf, smallerOf } from './cards.ts';
import { repeatedSettings } from './repeated-settings.ts';

/** Of tasks that are not named, so many results and tasks at most: more marks and bars than these tell nothing apart, and are slow to draw. */
const MOST_RESULTS = 500;
const MOST_TASKS = 50;

/** @param taskIds when empty, the tasks with the newest results, as many as go @throws TapsError `not-found` */
export function compareView(session: LibrarySession, taskIds: readonly string[]): CompareView {
  const { ids, omitted } = taskIds.length === 0 ? newestTasks(session) : { ids: [...new Set(taskIds)], omitted: { tasks: 0, results: 0 } };
  const tasks = ids.map((id) => session.task(id)).sort((a, b) => (orderKey(a.name) < orderKey(b.name) ? -1 : 1));
  const bases = new Map(session.library.bases.list().map((base) => [base.id, base]));
  const ofTasks = tasks.flatMap((task) => {
    const base = bases.get(task.baseId);
    return base === undefined ? [] : [ofTask(session, task, base)];
  });
  const used = new Set(tasks.map(({ baseId }) => baseId));
  return {
    points: ofTasks.flatMap(({ points }) => points),
    repeated: ofTasks.flatMap(({ repeated }) => repeated),
    omitted,
    bases: [...bases.values()].filter(({ id }) => used.has(id)).map((base) => ({ id: base.id, name: base.name, bytes: baseBytes(base), layers: layersOf(session, base) })),
  };
}

/** Whole tasks, never a part of one's results. */
function newestTasks({ library, removals }: LibrarySession): { ids: string[]; omitted: CompareView['omitted'] } {
  const ids: string[] = [];
  const omitted = { tasks: 0, results: 0 };
  let taken = 0;
  for (const { taskId, results } of library.deltas.countsByTask()) {
    if (removals.isHidden('task', taskId)) continue;
    if (omitted.tasks === 0 && ids.length < MOST_TASKS && (ids.length === 0 || taken + results <= MOST_RESULTS)) {
      ids.push(taskId);
      taken += results;
    } else {
      omitted.tasks++;
      omitted.results += results;
    }
  }
  return { ids, omitted };
}

function ofTask(session: LibrarySession, task: TaskRecord, base: BaseRecord): Pick<CompareView, 'points' | 'repeated'> {
  const runs = new Map(session.runs(task.id).map((run) => [run.id, run]));
  const fullBytes = fullCopyBytes(base, task.classNames.length);
  const deltas = session.deltas(task.id);
  const points = deltas.map((delta): ComparePoint => {
    const run = delta.runId === null ? undefined : runs.get(delta.runId);
    return {
      deltaId: delta.id,
      runId: delta.runId,
      taskId: task.id,
      taskName: task.name,
      baseId: base.id,
      baseName: base.name,
      method: delta.method,
      testAccuracy: delta.testAccuracy,
      validationAccuracy: delta.validationAccuracy,
      layersOpen: delta.layersOpen,
      layersTotal: delta.layersTotal,
      parameters: delta.parameters,
      bytes: delta.blob.bytes,
      fullCopyBytes: fullBytes,
      shareOfFullCopy: delta.blob.bytes / fullBytes,
      seconds: run?.result?.seconds ?? null,
      config: run?.config ?? null,
      layers: delta.layers,
      pathLevel: delta.pathLevel,
      smaller: smallerOf(delta),
      isCurrent: delta.id === task.currentDeltaId,
      createdAt: delta.createdAt,
    };
  });
  const learnt = deltas.flatMap((delta) => {
    const run = delta.runId === null ? undefined : runs.get(delta.runId);
    return run === undefined ? [] : [{ delta, run }];
  });
  return { points, repeated: repeatedSettings(task, learnt) };
}
