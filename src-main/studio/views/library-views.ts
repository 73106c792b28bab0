/** @file The library as a whole, one task, one base. */
import type { BaseDetail, LibraryOverview, TaskDetail } from '../../contract/studio/library.ts';
import { volumeOf } from '../../platform/storage-error.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import { versionOf } from '../datasets.ts';
import type { LibrarySession } from '../library-session.ts';
import { baseCard, deltaCard, layersOf, smallerOf, taskCard } from './cards.ts';

export function overview(session: LibrarySession): LibraryOverview {
  const { library } = session;
  const bases = session.bases().map((base) => baseCard(session, base));
  const tasks = session.tasks().map((task) => taskCard(session, task));
  const learnt = tasks.flatMap((task) => (task.current === null ? [] : [{ task, current: task.current }]));
  const fullCopiesBytes = learnt.reduce((sum, { task }) => sum + fullCopyBytes(library.bases.get(task.baseId), task.classNames.length), 0);
  const sum = (values: number[]): number => values.reduce((total, value) => total + value, 0);
  return {
    bases,
    tasks,
    totals: {
      bytes: sum(bases.map(({ bytes }) => bytes)) + sum(learnt.map(({ current }) => current.bytes)),
      fullCopiesBytes,
      freeBytes: volumeOf(library.folder)?.freeBytes ?? null,
    },
  };
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
      .map(({ folder: _private, ...run }) => ({ ...run, status: queue.statusOf({ ...run, folder: _private }), result: run.result === null ? null : { ...run.result, epochs: [] } })),
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
    tasks: session.tasks().flatMap((task) => (task.baseId === base.id ? [{ id: task.id, name: task.name }] : [])),
    layers: layersOf(session, base),
  };
}
