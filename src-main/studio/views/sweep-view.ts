/** @file A sweep as the window shows it: how far it is, its runs, and what its settings have brought over their seeds. */
import type { RunHead } from '../../contract/records.ts';
import type { SweepDetail, SweepRow, SweepRunView, SweepView } from '../../contract/studio/sweeps.ts';
import type { SweepRecord } from '../../contract/sweep.ts';
import type { Library } from '../../services/open-library.ts';
import type { SweepProgress } from '../../services/sweep.ts';
import { reportSweep } from '../../services/sweep-report.ts';
import { failureKept } from '../queue/failures.ts';

/** What the queue knows of it. */
export interface SweepState {
  state: SweepView['state'];
  now: string[];
  progress: SweepProgress;
}

/** @param position among what waits */
export function sweepView(library: Library, sweep: SweepRecord, { state, now, progress }: SweepState, position: number | null): SweepView {
  const unique = <Value>(values: readonly Value[]): Value[] => [...new Set(values)];
  return {
    id: sweep.id,
    tasks: unique(sweep.entries.map(({ taskId }) => taskId)).map((id) => ({ id, name: library.tasks.get(id).name })),
    methods: unique(sweep.entries.map(({ config }) => config.method)),
    seeds: unique(sweep.entries.map(({ config }) => config.seed)),
    settings: unique(sweep.entries.map(({ setting }) => setting)).length,
    state,
    position,
    ...progress,
    now,
    failure: state === 'unfinished' ? failureKept(library, sweep.id) : null,
    createdAt: sweep.createdAt,
  };
}

export function sweepDetail(library: Library, view: SweepView, sweep: SweepRecord, statusOf: (run: Pick<RunHead, 'id' | 'status'>) => RunHead['status']): SweepDetail {
  const names = new Map(view.tasks.map(({ id, name }) => [id, name]));
  const runs = sweep.entries.map(({ position, taskId, config, runId, failure }): SweepRunView => {
    const deltaId = runId === null ? null : library.deltas.idOfRun(runId);
    const { validationAccuracy = null, testAccuracy = null } = deltaId === null ? {} : library.deltas.get(deltaId);
    return { position, taskId, taskName: names.get(taskId) ?? '', config, runId, status: runId === null ? null : statusOf(library.runs.head(runId)), validationAccuracy, testAccuracy, failure };
  });
  return { sweep: view, runs, rows: rowsOf(library, sweep) };
}

function rowsOf(library: Library, sweep: SweepRecord): SweepRow[] {
  return reportSweep(library, sweep.id).rows.flatMap(({ task, setting, seeds, test, validation, bytes, shareOfFullCopy, layersOpen, layersTotal, worstClass }): SweepRow[] => {
    const entry = sweep.entries.find((candidate) => candidate.setting === setting && library.tasks.get(candidate.taskId).name === task);
    return entry === undefined ? [] : [{ taskId: entry.taskId, taskName: task, config: entry.config, seeds, test, validation, bytes, shareOfFullCopy, layersOpen, layersTotal, worstClass }];
  });
}
