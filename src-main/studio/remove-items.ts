/** @file Whether a base, task or run may be removed, and its removal with a time to take it back. */
import { TapsError } from '../contract/errors.ts';
import type { StudioContext } from './context.ts';
import type { LibrarySession } from './library-session.ts';
import type { RemovalKind } from './removals.ts';

/** @throws TapsError `already-exists` for a base with tasks, `usage` while a run of it, or the sweep itself, is going or waiting, `not-found` */
export function startRemoval(context: StudioContext, kind: RemovalKind, id: string): { removalId: string; undoMs: number; name: string } {
  const { session } = context;
  return session.removals.start(kind, id, checkedName(session, kind, id));
}

export function undoRemoval({ session }: StudioContext, removalId: string): { restored: boolean } {
  return { restored: session.removals.undo(removalId) };
}

function checkedName(session: LibrarySession, kind: RemovalKind, id: string): string {
  switch (kind) {
    case 'base': {
      const base = session.base(id);
      const users = session.taskNames(base.id).map(({ name }) => name);
      if (users.length > 0) {
        const shown = `${users.slice(0, 5).join(', ')}${users.length > 5 ? ` and ${String(users.length - 5)} more` : ''}`;
        throw new TapsError('already-exists', `The base ${JSON.stringify(base.name)} is used by ${users.length === 1 ? 'a task' : `${String(users.length)} tasks`}: ${shown}.`, 'Remove those tasks first.', { details: { tasks: users } });
      }
      return base.name;
    }
    case 'task': {
      const task = session.task(id);
      if (session.queue.hasRunOf(task.id) || session.sweeps.hasTask(task.id) || session.joint.hasTask(task.id)) throw new TapsError('usage', `A run of task ${JSON.stringify(task.name)} is going or waiting.`, 'Stop it first.');
      return task.name;
    }
    case 'run': {
      const run = session.library.runs.get(id);
      const { status, taskName, smaller } = session.queue.view(run.id);
      if (status === 'queued' || status === 'running' || status === 'paused') throw new TapsError('usage', `The run of ${JSON.stringify(taskName)} is ${status}.`, 'Stop it first.');
      if (smaller?.state === 'waiting' || smaller?.state === 'going') throw new TapsError('usage', `The result of ${JSON.stringify(taskName)} is being made smaller.`, 'Wait for it, or cancel it.');
      return taskName;
    }
    case 'joint': {
      const { name } = session.joint.unfinished(id);
      const { state } = session.joint.view(id);
      if (state !== 'unfinished') throw new TapsError('usage', `The joint run ${JSON.stringify(name)} is ${state}.`, 'Stop it first.');
      return name;
    }
    case 'sweep': {
      const { sweep } = session.sweeps.show(id);
      const names = sweep.tasks.map(({ name }) => name).join(', ');
      if (sweep.state !== 'unfinished' && sweep.state !== 'done') throw new TapsError('usage', `The sweep of ${names} is ${sweep.state}.`, 'Stop it first.');
      return names;
    }
  }
}
