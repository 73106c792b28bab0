/** @file A run's record and what the queue knows of it, as the window shows it. */
import type { RunHead } from '../../contract/records.ts';
import type { RunView } from '../../contract/studio/runs.ts';
import type { Library } from '../../services/open-library.ts';
import { canResume } from '../../services/train-task.ts';
import type { ActiveRun } from './active-run.ts';
import type { ClusterRuns } from './cluster-runs.ts';
import { failureOf } from './failures.ts';

export interface QueueState {
  active: ActiveRun | null;
  /** Run ids, next first. */
  waiting: readonly string[];
  cluster: ClusterRuns;
}

/** @param run without its result: a view is asked for often */
export function runView(library: Library, run: Omit<RunHead, 'result'>, state: QueueState): RunView {
  const { active, waiting } = state;
  const task = library.tasks.get(run.taskId);
  const going = active?.id === run.id ? active : null;
  const position = waiting.indexOf(run.id);
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
    stage: going?.stage ?? (position >= 0 || (away && status === 'queued') ? 'queued' : away ? (cluster.stage ?? 'loading') : 'ended'),
    decoded: going?.decoded ?? null,
    progress: going?.progress ?? (away ? cluster.progress : null),
    position: position >= 0 ? position : null,
    canResume: going === null && position < 0 && (cluster === null ? canResume(shown) : !away && status !== 'done'),
    failure: (status === 'failed' ? cluster?.failure : null) ?? failureOf(library, shown),
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    deltaId: status === 'done' ? library.deltas.idOfRun(run.id) : null,
    recoveries: [...(going?.recoveries ?? [])],
    cluster,
  };
}

/** The queue knows better than the record: that one is written a moment later, or not at all on a full disk. */
export function statusOf(run: Pick<RunHead, 'id' | 'status'>, { active, waiting, cluster }: QueueState): RunHead['status'] {
  if (active?.id === run.id) return active.paused ? 'paused' : 'running';
  if (waiting.includes(run.id)) return 'queued';
  const away = cluster.statusOf(run);
  if (away !== null) return away;
  return run.status === 'queued' || run.status === 'running' || run.status === 'paused' ? 'interrupted' : run.status;
}
