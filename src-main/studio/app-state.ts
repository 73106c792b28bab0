/** @file What the window needs to begin, and showing files in the file manager. */
import { dirname } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { AppState } from '../contract/studio/app.ts';
import type { ParsedInput } from '../contract/studio/contract.ts';
import { pictureRoot } from '../services/archive-folders.ts';
import { programVersion } from '../services/version.ts';
import type { StudioContext } from './context.ts';
import { storedExports } from './exports.ts';
import { EMBEDDED_BASE, embeddedBaseFile, sampleTasks } from './resources.ts';

export function appState(context: StudioContext): AppState {
  const embedded = embeddedBaseFile();
  const session = context.sessionOrNull;
  return {
    version: programVersion(),
    transport: context.options.transport,
    platform: process.platform,
    library: context.libraryStatus(),
    settings: context.settings.current,
    samples: sampleTasks(),
    embeddedBase: embedded === null ? null : { name: EMBEDDED_BASE.name, bytes: embedded.bytes },
    interruptedRuns: session === null ? 0 : session.library.runs.heads({ status: 'interrupted', results: false }).filter(({ id, taskId }) => !session.removals.isHidden('run', id) && !session.removals.isHidden('task', taskId)).length,
  };
}

/** `shown` is false where there is no file manager to ask, or the file is gone: the path is then for reading. */
export function reveal(context: StudioContext, target: ParsedInput<'app.reveal'>): { displayPath: string; shown: boolean } {
  const path = pathOf(context, target);
  return { displayPath: path, shown: context.options.platform.reveal?.(path) ?? false };
}

function pathOf(context: StudioContext, target: ParsedInput<'app.reveal'>): string {
  switch (target.what) {
    case 'library':
      return context.libraryFolder;
    case 'log': {
      const { logFile } = context.options.platform;
      if (logFile === null) throw new TapsError('not-found', 'No log is kept in a file.', 'Look at the terminal the studio was started from.');
      return logFile;
    }
    case 'task-images': {
      const { session } = context;
      return pictureRoot(session.library, session.library.datasets.get(session.library.tasks.get(target.id).datasetId).manifest.root);
    }
    case 'base':
      return dirname(context.session.library.bases.files(context.session.library.bases.get(target.id)).graphPath);
    case 'export': {
      const found = storedExports(context.session.library).find(({ id }) => id === target.id);
      if (found === undefined) throw new TapsError('not-found', 'This export is not in the list any more.', 'Export the task again.');
      return found.path;
    }
  }
}
