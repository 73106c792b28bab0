/** @file What is done with files that arrive from outside: dropped on the window, double-clicked, given on the command line. */
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { App } from '../state/app.svelte.ts';
import { takeInTask } from '../state/take-in-task.ts';
import { text } from '../text/index.ts';

/** @param kind what they are, where that is known already */
export function takeIn(app: App, grants: readonly Grant[], onimport: (file: Grant) => void, kind?: 'task'): void {
  const [first] = grants;
  if (first === undefined) return;
  const content = kind ?? first.content;
  if (content === 'task') void takeInTask(app, first);
  else if (content === 'model') onimport(first);
  else if (content === 'images') startTask(app, first);
  else app.toasts.show({ kind: 'bad', message: text.library.unknownDrop(first.name), advice: text.library.unknownDropAdvice });
}

/** The wizard takes the pictures when it opens. */
function startTask(app: App, grant: Grant): void {
  app.pendingPictures = grant;
  app.router.go('/new');
}
