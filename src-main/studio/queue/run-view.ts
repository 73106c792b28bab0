/** @file A run's record and what the queue knows of it, as the window shows it. */
import type { RunHead } from '../../contract/records.ts';
import type { RunView } from '../../contract/studio/runs.ts';
import type { Library } from '../../services/open-library.ts';
import { canResume } from '../../services/train-task.ts';
import type { ActiveRun } from './active-run.ts';
import type { ClusterRuns } from './cluster-runs.ts';
import { failureOf } from './failures.ts';
import type { JobQueue } from './job-queue.ts';
import { smallerView } from './smaller-view.ts';
import type { SweepIndex } from './sweep-index.ts';

export interface QueueState {
  /** Runs that are going. */
  active: readonly ActiveRun[];
  jobs: JobQueue;
  cluster: ClusterRuns;
  sweeps: SweepIndex;
}

/** @param run without its result: a view is asked for often */
export function runView(library: Library, run: Omit<RunHead, 'result'>, state: QueueState): RunView {
  const task = library.tasks.get(run.taskId);
  const going = state.active.find(({ id }) => id === run.id) ?? null;
  const position = state.jobs.positionOf('run', run.id);
  const sweepId = state.sweeps.of(run.id);
  // Its sweep goes on with it.
  const taken = sweepId !== null && state.jobs.has('sweep', sweepId);
  const status = statusOf(run, state);
  const cluster = state.cluster.view(run);
  const away = cluster !== null && (status === 'running' || status === 'queued');
  const shown = { ...run, status };
  return {
    id: run.id,
    taskId: task.id,
    taskName: task.name,
    baseName: library.bases.get(task.baseId).name,
    config: run.config,
    status,
    stage: going?.stage ?? (position !== null || (away && status === 'queued') ? 'queued' : away ? (cluster.stage ?? 'loading') : 'ended'),
    decoded: going?.decoded ?? null,
    progress: going?.progress ?? (away ? cluster.progress : null),
    position,
    canResume: going === null && position === null && !taken && (cluster === null ? canResume(shown) : !away && status !== 'done'),
    failure: (status === 'failed' ? cluster?.failure : null) ?? failureOf(library, shown),
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    deltaId: status === 'done' ? library.deltas.idOfRun(run.id) : null,
    recoveries: [...(going?.recoveries ?? [])],
    smaller: smallerView(library, run, status, state.jobs),
    sweepId,
    cluster,
  };
}

/** The queue knows better than the record: that one is written a moment later, or not at all on a full disk. */
export function statusOf(run: Pick<RunHead, 'id' | 'status'>, { active, jobs, cluster }: QueueState): RunHead['status'] {
  const going = active.find(({ id }) => id === run.id);
  if (going !== undefined) return going.paused ? 'paused' : 'running';
  if (jobs.positionOf('run', run.id) !== null) return 'queued';
  const away = cluster.statusOf(run);
  if (away !== null) return away;
  return run.status === 'queued' || run.status === 'running' || run.status === 'paused' ? 'interrupted' : run.status;
}
