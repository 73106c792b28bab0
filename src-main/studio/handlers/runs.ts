/** @file Answers about runs: the queue and the run that is going. */
import { TapsError } from '../../contract/errors.ts';
import type { RUN_REQUESTS } from '../../contract/studio/runs.ts';
import { requirePossible } from '../budget-bounds.ts';
import { runDetail } from '../views/run-detail.ts';
import type { Handlers } from './handlers.ts';

export const runHandlers: Handlers<keyof typeof RUN_REQUESTS> = {
  'run.list': ({ session }) => session.queue.list(),
  'run.show': ({ session }, { runId }) => runDetail(session, runId),
  'run.start': async ({ session }, { taskId, config }) => {
    const task = session.task(taskId);
    if (session.library.datasets.summary(task.datasetId).images === 0) {
      throw new TapsError('dataset-invalid', `Task ${JSON.stringify(task.name)} came from an adapter folder and has no pictures to learn from.`, 'Add a new task with pictures of your own.');
    }
    await requirePossible(session, task, config);
    return session.queue.start(task.id, config);
  },
  'run.resume': ({ session }, { runId }) => session.queue.resume(runId),
  'run.pause': ({ session }, { runId }) => ({ paused: session.queue.pause(runId) }),
  'run.continue': ({ session }, { runId }) => ({ paused: session.queue.continue(runId) }),
  'run.stop': async ({ session }, { runId, keepBest }) => ({ stopping: await session.queue.stop(runId, keepBest) }),
  'run.move': ({ session }, { runId, position }) => session.queue.move(runId, position),
};
