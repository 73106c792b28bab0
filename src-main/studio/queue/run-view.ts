/** @file A run's record and what the queue knows of it, as the window shows it. */
import type { RunHead } from '../../contract/records.ts';
import type { RunView } from '../../contract/studio/runs.ts';
import type { Library } from '../../services/open-library.ts';
import { canResume } from '../../services/train-task.ts';
import type { ActiveRun } from './active-run.ts';
import { failureOf } from './failures.ts';

export interface QueueState {
  active: ActiveRun | null;
  /** Run ids, next first. */
  waiting: readonly string[];
}

export function runView(library: Library, run: RunHead, { active, waiting }: QueueState): RunView {
  const task = library.tasks.get(run.taskId);
  const going = active?.id === run.id ? active : null;
  const position = waiting.indexOf(run.id);
  const status = statusOf(run, { active, waiting });
  const shown = { ...run, status };
  return {
    id: run.id,
    taskId: task.id,
    taskName: task.name,
    baseName: library.bases.get(task.baseId).name,
    config: run.config,
    status,
    stage: going?.stage ?? (position >= 0 ? 'queued' : 'ended'),
    decoded: going?.decoded ?? null,
    progress: going?.progress ?? null,
    position: position >= 0 ? position : null,
    canResume: going === null && position < 0 && canResume(shown),
    failure: failureOf(library, shown),
    startedAt: run.startedAt,
    finishedAt: run.finishedAt,
    deltaId: status === 'done' ? library.deltas.idOfRun(run.id) : null,
  };
}

/** The queue knows better than the record: that one is written a moment later, or not at all on a full disk. */
export function statusOf(run: RunHead, { active, waiting }: QueueState): RunHead['status'] {
  if (active?.id === run.id) return active.paused ? 'paused' : 'running';
  if (waiting.includes(run.id)) return 'queued';
  return run.status === 'queued' || run.status === 'running' || run.status === 'paused' ? 'interrupted' : run.status;
}
