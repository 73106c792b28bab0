/** @file Pictures on their way to a task: looked through, then recorded without those a person took out; later revised. */
import type { ParsedInput } from '../contract/studio/contract.ts';
import type { Inspection } from '../contract/studio/images.ts';
import type { DatasetVersion, TaskCard } from '../contract/studio/library.ts';
import { addInspectedTask } from '../services/add-task.ts';
import { inspectImages } from '../services/inspect-images.ts';
import { reviseDataset, type ImageChange } from '../services/revise-dataset.ts';
import type { StudioContext } from './context.ts';
import { countSplits, versionOf } from './datasets.ts';
import { throwIfCancelled } from './operations.ts';
import { sampleFolder } from './resources.ts';
import { taskCard } from './views/cards.ts';

export function inspect(context: StudioContext, { source, baseId, seed, validation, test, operationId }: ParsedInput<'images.inspect'>): Promise<Inspection> {
  return context.operations.run(operationId, 'Reading the pictures', async ({ signal, progress }) => {
    const { session } = context;
    const base = session.base(baseId);
    const path = source.kind === 'sample' ? sampleFolder(source.id) : context.grants.pathOf(source.token);
    const { manifest, twins, perClass, totalBytes } = await inspectImages(session.library, { source: path, preprocessing: base.preprocessing, seed, validation, test, onProgress: progress, signal });
    throwIfCancelled(signal);
    const { classes, images, quarantined, warnings, splitSource, root, hash } = manifest;
    return {
      id: session.datasets.addInspection(manifest),
      classes,
      images: images.length,
      totalBytes,
      counts: countSplits(images),
      perClass,
      quarantined,
      twins,
      warnings,
      splitSource,
      displayRoot: root,
      hash,
    };
  });
}

/** Asked twice for the same, the second finds the name taken: nothing is recorded twice. */
export function createTask(context: StudioContext, { name, baseId, inspectionId, excluded, operationId }: ParsedInput<'task.create'>): Promise<TaskCard> {
  return context.operations.run(operationId, 'Recording the task', async ({ signal }) => {
    const { session } = context;
    const base = session.base(baseId);
    const manifest = session.datasets.inspected(inspectionId);
    await session.removals.finishNamed('task', name);
    throwIfCancelled(signal);
    const task = addInspectedTask(session.library, { name, baseId: base.id, manifest, excluded });
    context.events.libraryChanged();
    return taskCard(session, task);
  });
}

export function reviseTask({ session, events }: StudioContext, taskId: string, changes: readonly ImageChange[]): DatasetVersion {
  const version = reviseDataset(session.library, session.task(taskId).id, changes);
  events.libraryChanged();
  return versionOf(version);
}
