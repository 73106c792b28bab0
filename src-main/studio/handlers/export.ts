/** @file Answers about merged models. */
import type { EXPORT_REQUESTS } from '../../contract/studio/export.ts';
import { exportModel, listExports } from '../export-model.ts';
import type { Handlers } from './handlers.ts';

export const exportHandlers: Handlers<keyof typeof EXPORT_REQUESTS> = {
  'export.start': (context, input) => exportModel(context, input),
  'export.list': ({ session }) => listExports(session.library),
};
