/** @file Answers about the application: its state, settings, library folder, chosen files, the machine. */
import type { APP_REQUESTS } from '../../contract/studio/app.ts';
import { appState, reveal } from '../app-state.ts';
import { browseFiles, chooseFiles } from '../choose-files.ts';
import { checkMachine, makeReport } from '../machine.ts';
import { moveLibrary, openLibraryAt, verifyLibrary } from '../whole-library.ts';
import type { Handlers } from './handlers.ts';

export const appHandlers: Handlers<keyof typeof APP_REQUESTS> = {
  'app.state': (context) => appState(context),
  'app.report': (context) => makeReport(context),
  'app.reveal': (context, target) => reveal(context, target),
  'settings.change': async (context, changes) => {
    const settings = await context.settings.change(changes);
    context.events.emit('settings.changed', settings);
    return settings;
  },
  'machine.check': (context, { operationId }) => checkMachine(context, operationId),
  'library.verify': (context, { operationId }) => verifyLibrary(context, operationId),
  'library.open': (context, { folder }) => openLibraryAt(context, context.grants.pathOf(folder)),
  'library.retry': (context) => openLibraryAt(context, context.libraryFolder),
  'library.move': (context, { folder, operationId }) => moveLibrary(context, folder, operationId),
  'files.choose': (context, { purpose, many }) => chooseFiles(context, purpose, many),
  'files.browse': (context, { folder, purpose }) => browseFiles(context, folder, purpose),
  'operation.cancel': (context, { operationId }) => ({ found: context.operations.cancel(operationId) }),
};
