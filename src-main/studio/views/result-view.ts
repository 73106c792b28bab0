/** @file One stored result with what it got right and wrong. */
import type { ResultView } from '../../contract/studio/results.ts';
import { classScores } from '../../core/class-report.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import type { LibrarySession } from '../library-session.ts';
import { deltaCard } from './cards.ts';
import { measuredOf } from './measured.ts';

/** @throws TapsError `not-found` */
export function resultView(session: LibrarySession, deltaId: string): ResultView {
  const { library } = session;
  const delta = library.deltas.get(deltaId);
  const task = session.task(delta.taskId);
  const run = delta.runId === null ? null : library.runs.get(delta.runId);
  const measured = measuredOf(run?.result ?? null, delta);
  return {
    delta: deltaCard(delta, fullCopyBytes(library.bases.get(delta.baseId), task.classNames.length)),
    taskId: task.id,
    taskName: task.name,
    method: delta.method,
    classNames: task.classNames,
    datasetId: run === null ? null : (run.datasetId ?? task.datasetId),
    layers: delta.layers,
    validation: measured?.validation ?? null,
    test: measured?.test ?? null,
    classes: measured === null ? [] : classScores(measured.test.confusion).map((scores, label) => ({ className: task.classNames[label] ?? String(label), ...scores })),
  };
}
