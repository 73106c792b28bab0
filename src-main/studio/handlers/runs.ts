/** @file Answers about runs: the queue and the run that is going. */
import type { RUN_REQUESTS } from '../../contract/studio/runs.ts';
import { requirePossible } from '../budget-bounds.ts';
import { runDetail } from '../views/run-detail.ts';
import type { Handlers } from './handlers.ts';

export const runHandlers: Handlers<keyof typeof RUN_REQUESTS> = {
  'run.list': ({ session }) => session.queue.list(),
  'run.show': ({ session }, { runId }) => runDetail(session, runId),
  'run.start': async ({ session }, { taskId, config }) => {
    const task = session.taskToLearn(taskId);
    await requirePossible(session, task, config);
    return session.queue.start(task.id, config);
  },
  'run.resume': ({ session }, { runId }) => session.queue.resume(runId),
  'run.pause': ({ session }, { runId }) => ({ paused: session.queue.pause(runId) }),
  'run.continue': ({ session }, { runId }) => ({ paused: session.queue.continue(runId) }),
  'run.stop': async ({ session }, { runId, keepBest }) => ({ stopping: await session.queue.stop(runId, keepBest) }),
  'run.shrink': ({ session }, { runId }) => session.queue.shrink(runId),
  'run.stopShrinking': ({ session }, { runId }) => session.queue.stopShrinking(runId),
  'run.move': ({ session }, { id, position }) => session.queue.move(id, position),
};
