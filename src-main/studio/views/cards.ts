/** @file Bases, tasks and results as cards. Reads the library; computes sums and shares only. */
import type { BaseRecord, DeltaRecord, TaskRecord } from '../../contract/records.ts';
import type { ComparePoint } from '../../contract/studio/compare.ts';
import type { BaseCard, DeltaCard, TaskCard } from '../../contract/studio/library.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import type { LibrarySession } from '../library-session.ts';

export function baseCard(session: LibrarySession, base: BaseRecord): BaseCard {
  return {
    id: base.id,
    name: base.name,
    tags: base.tags,
    notes: base.notes,
    parameters: base.summary.parameters,
    gatedLayers: base.summary.gatedLayers,
    imageSize: base.preprocessing.imageSize,
    bytes: baseBytes(base),
    tasks: session.tasks().filter(({ baseId }) => baseId === base.id).length,
    createdAt: base.createdAt,
  };
}

export function baseBytes({ graph, weights }: BaseRecord): number {
  return graph.bytes + weights.bytes;
}

export function deltaCard(delta: DeltaRecord, fullBytes: number): DeltaCard {
  const { id, method, testAccuracy, layersOpen, layersTotal, blob, createdAt } = delta;
  return { id, method, testAccuracy, layersOpen, layersTotal, bytes: blob.bytes, shareOfFullCopy: blob.bytes / fullBytes, createdAt };
}

/** How a result was made from another one; null for what was learnt. */
export function smallerOf({ compression }: Pick<DeltaRecord, 'compression'>): ComparePoint['smaller'] {
  return compression === null ? null : { encoding: compression.encoding, tolerance: compression.tolerance };
}

export function taskCard(session: LibrarySession, task: TaskRecord): TaskCard {
  const { library } = session;
  const base = library.bases.get(task.baseId);
  const deltas = session.deltas(task.id);
  const current = deltas.find(({ id }) => id === task.currentDeltaId);
  const newest = session.newestRun(task.id);
  const { images, coverIndices } = session.datasets.summary(task.datasetId);
  return {
    id: task.id,
    name: task.name,
    tags: task.tags,
    notes: task.notes,
    baseId: base.id,
    baseName: base.name,
    datasetId: task.datasetId,
    classNames: task.classNames,
    images,
    current: current === undefined ? null : deltaCard(current, fullCopyBytes(base, task.classNames.length)),
    results: deltas.length,
    lastRun: newest === undefined ? null : { id: newest.id, status: session.queue.statusOf(newest), method: newest.config.method },
    coverIndices,
    createdAt: task.createdAt,
  };
}

/**
 * Gated layers in forward order: as recorded at the import, or as the first result on this base lists them. Empty for a base that an
 * older version imported and nothing was learnt on.
 */
export function layersOf(session: LibrarySession, base: BaseRecord): { name: string; parameters: number }[] {
  if (base.summary.layers !== undefined) return base.summary.layers;
  for (const task of session.library.tasks.list()) {
    if (task.baseId !== base.id) continue;
    const delta = session.library.deltas.list(task.id)[0];
    if (delta !== undefined) return delta.layers.map(({ name, parameters }) => ({ name, parameters }));
  }
  return [];
}
