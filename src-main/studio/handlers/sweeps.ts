/** @file Answers about sweeps. */
import { MOST_SWEEP_RUNS, type SWEEP_REQUESTS } from '../../contract/studio/sweeps.ts';
import { requirePossible } from '../budget-bounds.ts';
import type { Handlers } from './handlers.ts';

export const sweepHandlers: Handlers<keyof typeof SWEEP_REQUESTS> = {
  'sweep.list': ({ session }) => session.sweeps.list(),
  'sweep.show': ({ session }, { sweepId }) => session.sweeps.show(sweepId),
  'sweep.start': async ({ session }, { taskIds, config, lambdas, seeds, parallel }) => {
    const tasks = taskIds.map((id) => session.taskToLearn(id));
    for (const task of tasks) await requirePossible(session, task, config);
    return session.sweeps.start({ tasks: tasks.map(({ id }) => id), config, lambdas, seeds, parallel, most: MOST_SWEEP_RUNS, title: `${tasks.map(({ name }) => name).join(', ')}: ${config.method}` });
  },
  'sweep.resume': ({ session }, { sweepId }) => session.sweeps.resume(sweepId),
  'sweep.pause': ({ session }, { sweepId }) => session.sweeps.pause(sweepId),
  'sweep.continue': ({ session }, { sweepId }) => session.sweeps.continue(sweepId),
  'sweep.stop': ({ session }, { sweepId }) => session.sweeps.stop(sweepId),
};
