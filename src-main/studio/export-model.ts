/** @file A merged model, proven, in a folder of the person's choice. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { ExportView } from '../contract/studio/export.ts';
import { exportTask, PARITY_MAX_LOGIT_DIFFERENCE, type ExportStage } from '../services/export-task.ts';
import type { Library } from '../services/open-library.ts';
import type { StudioContext } from './context.ts';
import { defaultExportFolder, exportView, recordExport, storedExports } from './exports.ts';

const WORDS: Readonly<Record<ExportStage, string>> = {
  decoding: 'Decoding the test pictures',
  writing: 'Writing the merged model',
  proving: 'Comparing its answers with the task’s',
};

/** The file appears complete and proven, or not at all. */
export function exportModel(context: StudioContext, input: ParsedInput<'export.start'>): Promise<ExportView> {
  return context.operations.run(input.operationId, WORDS.decoding, async (operation) => {
    const { session, settings } = context;
    const { library } = session;
    const task = session.task(input.taskId);
    const folder = input.folder === null ? defaultExportFolder(library.folder) : context.grants.pathOf(input.folder);
    const { engine, threads } = settings.current;
    const { path, bytes, parity, deltaId } = await exportTask(library, {
      task: task.id,
      method: null,
      deltaId: input.deltaId,
      out: join(folder, input.fileName),
      overwrite: input.overwrite,
      engine,
      threads,
      onStage: (stage) => {
        operation.progress(WORDS[stage], 0, 0);
      },
      onDecoded: operation.counter(WORDS.decoding),
      signal: operation.signal,
    });
    const { preprocessing, classNames } = await library.deltas.read(library.deltas.get(deltaId));
    const { maxAbsLogitDiff, top1Agreement, images } = parity;
    const model = { fileName: input.fileName, parity: { maxAbsLogitDiff, top1Agreement, images, limit: PARITY_MAX_LOGIT_DIFFERENCE }, preprocessing, classNames };
    context.events.libraryChanged();
    const view = exportView(recordExport(library, { taskId: task.id, taskName: task.name, deltaId, model, path, bytes }));
    if (view === null) throw new TapsError('internal', 'The export was not recorded.', '');
    return view;
  });
}

/** null for an adapter folder, an unknown id, or a file that is gone. */
export function exportedFile(library: Library, exportId: string): { path: string; fileName: string } | null {
  const found = storedExports(library).find(({ id }) => id === exportId);
  if (found === undefined || found.model === null || !existsSync(found.path)) return null;
  return { path: found.path, fileName: found.model.fileName };
}

/** Newest first; those whose file is gone are left out. */
export function listExports(library: Library): ExportView[] {
  return storedExports(library).filter(({ path }) => existsSync(path)).flatMap((entry) => exportView(entry) ?? []);
}
