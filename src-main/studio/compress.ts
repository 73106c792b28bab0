/** @file Making a result smaller, as a long operation of the window. */
import type { CompressProgress } from '../contract/compression.ts';
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { CompressView } from '../contract/studio/results.ts';
import { compressTask } from '../services/compress-task.ts';
import type { StudioContext } from './context.ts';
import { deltaCard } from './views/cards.ts';

const STAGES: Readonly<Record<CompressProgress['stage'], string>> = { measuring: 'Measuring what each layer bears', choosing: 'Trying whole files', evaluating: 'Evaluating' };

/**
 * The new result stands beside the old one; which one is in use is for the person to say.
 * @throws TapsError `not-found`, `dataset-invalid` for a task without pictures, `dataset-changed`, `cancelled`, …
 */
export function compress(context: StudioContext, { deltaId, encoding, tolerance, operationId }: ParsedInput<'result.compress'>): Promise<CompressView> {
  return context.operations.run(operationId, 'Preparing the pictures', async ({ signal, progress, counter }) => {
    const { session, settings, events } = context;
    const { engine, threads } = settings.current;
    const { library } = session;
    const task = session.task(library.deltas.get(deltaId).taskId);
    const inUse = task.currentDeltaId;
    const { delta, report, fullCopyBytes } = await compressTask(library, {
      task: task.id,
      method: null,
      deltaId,
      encoding,
      tolerance,
      engine,
      threads,
      onDecoded: counter('Reading pictures'),
      onProgress: ({ stage, done, total }) => {
        progress(STAGES[stage], done, total);
      },
      signal,
    });
    if (inUse !== null) library.tasks.setCurrentDelta(task.id, inUse);
    events.libraryChanged();
    return { delta: deltaCard(delta, fullCopyBytes), bytesBefore: report.bytesBefore, validationBefore: report.validationBefore.accuracy, validationAfter: report.validationAfter.accuracy };
  });
}
