/** @file A packed task, chosen, dropped or double-clicked, becomes a task of this library. */
import type { Grant } from '../../src-main/contract/studio/common.ts';
import { text } from '../text/index.ts';
import type { App } from './app.svelte.ts';

/** Shows it afterwards; a refusal becomes a message. */
export async function takeInTask(app: App, source: Grant): Promise<void> {
  const task = await app.attempt(() => app.studio.request('task.unpack', { source: source.token }));
  if (task === undefined) return;
  app.toasts.show({ kind: 'good', message: text.library.takenIn(task.name) });
  app.router.go(`/task/${task.id}`);
}
