/** @file Bases, tasks and results as cards. Reads the library; computes sums and shares only. */
import { TapsError } from '../../contract/errors.ts';
import type { BaseRecord, DeltaRecord, TaskRecord } from '../../contract/records.ts';
import type { ComparePoint } from '../../contract/studio/compare.ts';
import type { BaseCard, DeltaCard, TaskCard } from '../../contract/studio/library.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import type { TaskSummary } from '../../services/open-library.ts';
import type { LibrarySession } from '../library-session.ts';

/** @param tasks on this base; counted when it is not known */
export function baseCard(session: LibrarySession, base: BaseRecord, tasks = session.library.tasks.page({ baseId: base.id, limit: 0, hidden: session.hidden }).total): BaseCard {
  return {
    id: base.id,
    name: base.name,
    tags: base.tags,
    notes: base.notes,
    parameters: base.summary.parameters,
    gatedLayers: base.summary.gatedLayers,
    imageSize: base.preprocessing.imageSize,
    bytes: baseBytes(base),
    tasks,
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
  if (compression === null) return null;
  const { encoding, tolerance, mostBytes } = compression;
  return { encoding, tolerance, ...(mostBytes === undefined ? {} : { mostBytes }) };
}

export function taskCard(session: LibrarySession, { id }: Pick<TaskRecord, 'id'>): TaskCard {
  const [summary] = session.library.tasks.summaries([id], session.hidden);
  if (summary === undefined) throw new TapsError('not-found', 'This task is not in the library any more.', 'Go back to the library.');
  return cardOf(session, summary, session.library.bases.get(summary.baseId));
}

/** @param base the task's */
export function cardOf(session: LibrarySession, { current, newestRun, currentDeltaId: _shown, ...task }: TaskSummary, base: BaseRecord): TaskCard {
  return {
    ...task,
    current: current === null ? null : { ...current, shareOfFullCopy: current.bytes / fullCopyBytes(base, task.classNames.length) },
    lastRun: newestRun === null ? null : { ...newestRun, status: session.queue.statusOf(newestRun) },
  };
}

/**
 * Gated layers in forward order: as recorded at the import, or as the first result on this base lists them. Empty for a base that an
 * older version imported and nothing was learnt on.
 */
export function layersOf(session: LibrarySession, base: BaseRecord): { name: string; parameters: number }[] {
  if (base.summary.layers !== undefined) return base.summary.layers;
  const first = session.library.deltas.firstOfBase(base.id);
  return first === null ? [] : first.layers.map(({ name, parameters }) => ({ name, parameters }));
}
