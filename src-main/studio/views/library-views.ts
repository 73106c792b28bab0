/** @file The library as a whole, one task, one base. */
import type { ParsedInput } from '../../contract/studio/contract.ts';
import type { BaseDetail, LibraryOverview, TaskDetail, TaskList } from '../../contract/studio/library.ts';
import { volumeOf } from '../../platform/storage-error.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import { versionOf } from '../datasets.ts';
import type { LibrarySession } from '../library-session.ts';
import { baseCard, cardOf, deltaCard, layersOf, smallerOf, taskCard } from './cards.ts';

/** Tasks that come with the overview; further ones are asked for a page at a time. */
const FIRST_TASKS = 60;

export function overview(session: LibrarySession): LibraryOverview {
  const { library } = session;
  const totals = new Map(library.tasks.totals(session.hidden).map((each) => [each.baseId, each]));
  const records = session.bases();
  const bases = records.map((base) => baseCard(session, base, totals.get(base.id)?.tasks ?? 0));
  const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
  const { tasks, total } = taskList(session, { text: '', sort: 'name', offset: 0, limit: FIRST_TASKS });
  return {
    bases,
    tasks,
    taskCount: total,
    totals: {
      bytes: sum(bases.map(({ bytes }) => bytes)) + sum([...totals.values()].map(({ bytes }) => bytes)),
      // Linear in the number of classes: that of all tasks together, and a backbone for each.
      fullCopiesBytes: sum(records.map((base) => {
        const { learnt = 0, classes = 0 } = totals.get(base.id) ?? {};
        return learnt === 0 ? 0 : (learnt - 1) * fullCopyBytes(base, 0) + fullCopyBytes(base, classes);
      })),
      freeBytes: volumeOf(library.folder)?.freeBytes ?? null,
    },
  };
}

/** A part of the list of tasks. */
export function taskList(session: LibrarySession, query: ParsedInput<'library.tasks'>): TaskList {
  const { tasks, total } = session.library.tasks.page({ ...query, hidden: session.hidden });
  const bases = new Map(session.library.bases.list().map((base) => [base.id, base]));
  return { tasks: tasks.flatMap((task) => { const base = bases.get(task.baseId); return base === undefined ? [] : [cardOf(session, task, base)]; }), total };
}

/** The wanted name, or with the smallest number behind it that makes it free; a task that is about to be removed has given its name back. */
export function freeTaskName({ library, hidden }: LibrarySession, wanted: string): { name: string } {
  const given = new Set(hidden.tasks);
  for (let count = 1; ; count++) {
    const name = count === 1 ? wanted : `${wanted} ${String(count)}`;
    const task = library.tasks.find(name);
    if (task?.name !== name || given.has(task.id)) return { name };
  }
}

/** @throws TapsError `not-found` */
export function taskDetail(session: LibrarySession, id: string): TaskDetail {
  const { library, queue } = session;
  const task = session.task(id);
  const base = library.bases.get(task.baseId);
  const fullBytes = fullCopyBytes(base, task.classNames.length);
  return {
    card: taskCard(session, task),
    base: baseCard(session, base),
    versions: library.datasets.versions(task.id).map(versionOf),
    runs: session
      .runs(task.id)
      .reverse()
      .map(({ folder: _private, ...run }) => ({ ...run, status: queue.statusOf(run), result: run.result === null ? null : { ...run.result, epochs: [] } })),
    deltas: session.deltas(task.id).map((delta) => ({ ...deltaCard(delta, fullBytes), layers: delta.layers, runId: delta.runId, parameters: delta.parameters, pathLevel: delta.pathLevel, smaller: smallerOf(delta) })),
    fullCopyBytes: fullBytes,
  };
}

/** @throws TapsError `not-found` */
export function baseDetail(session: LibrarySession, id: string): BaseDetail {
  const base = session.base(id);
  return {
    card: baseCard(session, base),
    preprocessing: base.preprocessing,
    summary: base.summary,
    classNames: base.classNames,
    source: base.source,
    tasks: session.taskNames(base.id),
    layers: layersOf(session, base),
  };
}
