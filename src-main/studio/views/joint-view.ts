/** @file Joint training as the window shows it: one that is remembered, with what its work knows; one that is done, from its base. */
import type { BaseRecord } from '../../contract/records.ts';
import type { JointView } from '../../contract/studio/joint.ts';
import type { JointRun } from '../../services/joint-inputs.ts';
import { jointTaskName } from '../../services/joint-inputs.ts';
import type { Library } from '../../services/open-library.ts';
import { failureKept } from '../queue/failures.ts';
import type { JointWork } from '../queue/joint-work.ts';
import { baseBytes } from './cards.ts';

/** @param work null when it is not going @param position among what waits */
export function jointView(library: Library, run: JointRun, work: JointWork | null, position: number | null): JointView {
  const stillPaused = work !== null && (work.paused || (work.runs.length > 0 && work.runs.every(({ paused }) => paused)));
  const state = work === null ? (position === null ? 'unfinished' : 'waiting') : stillPaused ? 'paused' : 'running';
  return {
    id: run.id,
    name: run.name,
    baseId: run.baseId,
    baseName: library.bases.list().find(({ id }) => id === run.baseId)?.name ?? '',
    config: run.config,
    tasks: run.tasks.map(({ taskId, name }) => ({ id: taskId, name })),
    state,
    position,
    stage: work?.stage ?? null,
    progress: work?.progress ?? null,
    memory: work?.memory ?? null,
    now: work?.runs.map(({ id }) => id) ?? [],
    failure: state === 'unfinished' ? failureKept(library, run.id) : null,
    result: null,
    startedAt: run.startedAt,
  };
}

/** null for a base that was not learnt here. */
export function doneJointView(library: Library, base: BaseRecord): JointView | null {
  const { lineage } = base;
  if (lineage === undefined) return null;
  const made = new Map(library.tasks.namesOfBase(base.id).map(({ id, name }) => [name, id]));
  const tasks = lineage.tasks.flatMap(({ name }) => {
    const id = made.get(jointTaskName(name, base.name));
    const task = id === undefined ? null : library.tasks.findById(id);
    if (task === null || task.currentDeltaId === null) return [];
    const { testAccuracy, layersOpen, layersTotal, blob } = library.deltas.get(task.currentDeltaId);
    return [{ id: task.id, name: task.name, testAccuracy, layersOpen, layersTotal, bytes: blob.bytes }];
  });
  return {
    id: lineage.runId,
    name: base.name,
    baseId: lineage.fromBaseId,
    baseName: lineage.fromBaseName,
    config: lineage.config,
    tasks: lineage.tasks.map(({ taskId, name }) => ({ id: taskId, name })),
    state: 'done',
    position: null,
    stage: null,
    progress: null,
    memory: null,
    now: [],
    failure: null,
    result: { baseId: base.id, baseBytes: baseBytes(base), tasks },
    startedAt: base.createdAt,
  };
}
