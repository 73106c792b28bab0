/** @file What a joint run leaves in the library: a derived base and a task on it for every task. Every step may be done again. */
import type { BaseRecord, DeltaRecord, RunRecord, TaskRecord } from '../contract/records.ts';
import type { JointResult } from '../contract/joint.ts';
import type { TrainConfig, TrainResult } from '../contract/training.ts';
import { jointTaskName, lineageOf, type JointRun } from './joint-inputs.ts';
import type { Library } from './open-library.ts';

export interface JointTaskOutcome {
  task: TaskRecord;
  run: RunRecord;
  delta: DeltaRecord;
  result: TrainResult;
}

/** The derived base of this very run, when it is stored already. */
export function storedBase(library: Library, run: JointRun): BaseRecord | null {
  return library.bases.list().find(({ lineage }) => lineage?.runId === run.id) ?? null;
}

/** @throws TapsError `already-exists` when the name was taken meanwhile; `disk-full`, … */
export async function storeBase(library: Library, run: JointRun, { graphPath, weightsPath }: JointResult): Promise<BaseRecord> {
  const from = library.bases.get(run.baseId);
  const imageSize = run.config.train.imageSize ?? from.preprocessing.imageSize;
  return library.bases.add({
    name: run.name,
    graph: graphPath,
    weights: weightsPath,
    preprocessing: { ...from.preprocessing, imageSize },
    classNames: from.classNames,
    summary: from.summary,
    source: `joint training of ${run.tasks.map(({ name }) => name).join(', ')} on ${from.name}`,
    lineage: lineageOf(run, from),
  });
}

/**
 * The task on the derived base with the same classes and pictures as the one it comes from.
 * @throws TapsError `already-exists` when the name was taken meanwhile; `not-found` when the original was removed meanwhile
 */
export function ensureTask(library: Library, run: JointRun, base: BaseRecord, index: number): TaskRecord {
  const input = run.tasks[index];
  if (input === undefined) throw new Error(`The joint run has no task ${String(index)}.`);
  const name = jointTaskName(input.name, run.name);
  const known = library.tasks.find(name);
  if (known?.name === name && known.baseId === base.id) return known;
  const { classNames } = library.tasks.get(input.taskId);
  return library.tasks.add({ name, baseId: base.id, datasetId: input.datasetId, classNames });
}

/** What was stored of a task before, in an earlier attempt; null when nothing was. */
export function storedOutcome(library: Library, task: TaskRecord): JointTaskOutcome | null {
  const delta = library.deltas.list(task.id).find(({ id }) => id === task.currentDeltaId);
  if (delta === undefined || delta.runId === null) return null;
  const run = library.runs.get(delta.runId);
  return run.result === null ? null : { task, run, delta, result: run.result };
}

/** Stores the task files of the exact variant, each with a run of its own that shows its curves. */
export async function storeExactTasks(library: Library, run: JointRun, base: BaseRecord, result: JointResult): Promise<JointTaskOutcome[]> {
  const outcomes: JointTaskOutcome[] = [];
  for (const index of run.tasks.keys()) {
    const task = ensureTask(library, run, base, index);
    outcomes.push(storedOutcome(library, task) ?? (await storeTask(library, task, run.config.train, index, result)));
  }
  return outcomes;
}

async function storeTask(library: Library, task: TaskRecord, config: TrainConfig, index: number, joint: JointResult): Promise<JointTaskOutcome> {
  // An attempt that broke off between its run and its result.
  for (const { id } of library.runs.list(task.id)) {
    library.runs.setStatus(id, 'interrupted');
    await library.runs.remove(id);
  }
  const measured = joint.tasks[index];
  if (measured === undefined || measured.artifactPath === null || measured.test === null) throw new Error(`The joint run left nothing of task ${task.name}.`);
  const result: TrainResult = {
    epochs: joint.epochs.flatMap(({ tasks }) => tasks[index] ?? []),
    bestEpoch: joint.bestEpoch,
    validation: measured.validation,
    test: measured.test,
    seconds: joint.seconds,
    engine: joint.engine,
  };
  const run = library.runs.create(task.id, config);
  library.runs.setStatus(run.id, 'running');
  for (const metrics of result.epochs) library.runs.appendMetrics(run.id, metrics);
  const delta = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: measured.artifactPath, testAccuracy: measured.test.accuracy, result });
  return { task: library.tasks.get(task.id), run: library.runs.get(run.id), delta, result };
}
