/** @file What a person writes about bases and tasks. */
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { BaseCard, TaskCard } from '../contract/studio/library.ts';
import type { StudioContext } from './context.ts';
import { baseCard, taskCard } from './views/cards.ts';

export async function updateBase(context: StudioContext, { id, ...changes }: ParsedInput<'base.update'>): Promise<BaseCard> {
  const { session, events } = context;
  session.base(id);
  if (changes.name !== undefined) await session.removals.finishNamed('base', changes.name);
  const base = session.library.bases.update(id, changes);
  events.libraryChanged();
  return baseCard(session, base);
}

export async function updateTask(context: StudioContext, { id, ...changes }: ParsedInput<'task.update'>): Promise<TaskCard> {
  const { session, events } = context;
  session.task(id);
  if (changes.name !== undefined) await session.removals.finishNamed('task', changes.name);
  const task = session.library.tasks.update(id, changes);
  events.libraryChanged();
  return taskCard(session, task);
}
