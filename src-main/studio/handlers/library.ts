/** @file Answers about bases and tasks: the library screen. */
import type { LIBRARY_REQUESTS } from '../../contract/studio/library.ts';
import { importBaseFile, importEmbedded } from '../import-bases.ts';
import { startRemoval, undoRemoval } from '../remove-items.ts';
import { packTaskTo, unpackTaskFrom } from '../task-folders.ts';
import { updateBase, updateTask } from '../update-items.ts';
import { baseDetail, freeTaskName, overview, taskDetail, taskList } from '../views/library-views.ts';
import type { Handlers } from './handlers.ts';

export const libraryHandlers: Handlers<keyof typeof LIBRARY_REQUESTS> = {
  'library.overview': ({ session }) => overview(session),
  'library.tasks': ({ session }, query) => taskList(session, query),
  'base.importEmbedded': (context, { operationId }) => importEmbedded(context, operationId),
  'base.import': (context, input) => importBaseFile(context, input),
  'base.show': ({ session }, { id }) => baseDetail(session, id),
  'base.update': (context, input) => updateBase(context, input),
  'task.freeName': ({ session }, { wanted }) => freeTaskName(session, wanted),
  'task.show': ({ session }, { id }) => taskDetail(session, id),
  'task.update': (context, input) => updateTask(context, input),
  'removal.start': (context, { kind, id }) => startRemoval(context, kind, id),
  'removal.undo': (context, { removalId }) => undoRemoval(context, removalId),
  'task.pack': (context, input) => packTaskTo(context, input),
  'task.unpack': (context, input) => unpackTaskFrom(context, input),
};
