/** @file Use-case: learn several tasks together. A derived base and a task on it for each, whichever variant. */
import { mkdir, readdir } from 'node:fs/promises';
import type { JointConfig, JointResult } from '../contract/joint.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import type { BaseRecord, RunRecord } from '../contract/records.ts';
import type { TrainerEvent } from '../contract/trainer-protocol.ts';
import { requireSpace } from '../platform/require-space.ts';
import { TrainerClient } from '../supervisor/trainer-client.ts';
import { checkJointConfig, jointInputs, requireFreeNames, type JointRun } from './joint-inputs.ts';
import { ensureTask, storeBase, storedBase, storedOutcome, storeExactTasks, type JointTaskOutcome } from './joint-results.ts';
import { addJointRun, folderOfJointRun, forgetJointRun, getJointRun } from './joint-runs.ts';
import type { CountProgress, Library } from './open-library.ts';
import { prepareDataset } from './prepare-images.ts';
import type { TrainControl } from './train-control.ts';
import { canResume, trainTask } from './train-task.ts';

export interface JointTrainingOptions {
  /** Of the joint run, and of the base it makes. */
  name: string;
  onDecoded?: CountProgress | undefined;
  /** As soon as the run is remembered: from here on it can be resumed. */
  onRun?: ((run: JointRun) => void) | undefined;
  /** Of the joint stage. */
  onEvent?: ((event: TrainerEvent) => void) | undefined;
  /** For pausing: asked for before each trainer, that of the joint stage and those of the tasks. */
  controlOf?: (() => TrainControl) | undefined;
  /** Of the second stage of `two-stage`: a task's run begins, and ends with a result (null) or without. */
  onTaskRun?: ((run: RunRecord) => void) | undefined;
  onTaskEnd?: ((error: unknown) => void) | undefined;
  /** Of the second stage of `two-stage`, task by task. */
  onTaskEvent?: ((taskName: string, event: TrainerEvent) => void) | undefined;
  onUnreadable?: ((taskName: string, images: QuarantinedImage[]) => void) | undefined;
  /** Stops after the current step with a checkpoint; the run can be resumed. */
  signal?: AbortSignal | undefined;
}

export interface NewJointRun extends JointTrainingOptions {
  /** Names or ids, at least two; their order is part of the run. */
  tasks: readonly string[];
  config: JointConfig;
}

export interface JointTrainingOutcome {
  run: JointRun;
  /** The derived base, a full copy that all its tasks share. */
  base: BaseRecord;
  tasks: JointTaskOutcome[];
  /** Of the joint stage; null when an earlier attempt had stored its base already. */
  joint: JointResult | null;
}

/**
 * Nothing is recorded before names, settings and pictures are known to be good.
 * @throws TapsError `usage`, `not-found`, `base-mismatch`, `already-exists`, `invalid-config`; `out-of-memory` before training when it
 * cannot fit; `cancelled` and others of a run, which can then be resumed
 */
export async function startJointTraining(library: Library, options: NewJointRun): Promise<JointTrainingOutcome> {
  return goOn(library, rememberJointTraining(library, options), options, false);
}

/**
 * Checks and remembers a joint run without beginning it; `resumeJointTraining` does what is to be done.
 * @throws TapsError as `startJointTraining` before anything is recorded
 */
export function rememberJointTraining(library: Library, { name, tasks, config }: Pick<NewJointRun, 'name' | 'tasks' | 'config'>): JointRun {
  const checked = checkJointConfig(config);
  const inputs = jointInputs(library, tasks);
  requireFreeNames(library, name, inputs.tasks);
  return addJointRun(library, name, inputs, checked);
}

/** @throws TapsError `not-found` when there is no unfinished run of that name; as `startJointTraining` */
export async function resumeJointTraining(library: Library, options: JointTrainingOptions): Promise<JointTrainingOutcome> {
  return goOn(library, getJointRun(library, options.name), options, true);
}

async function goOn(library: Library, run: JointRun, options: JointTrainingOptions, resume: boolean): Promise<JointTrainingOutcome> {
  const there = storedBase(library, run);
  const learnt = there !== null && (run.config.variant === 'two-stage' || allStored(library, run, there));
  const joint = learnt ? null : await learnTogether(library, run, options, resume);
  const base = there ?? (await storeBase(library, run, needed(joint)));
  const tasks = run.config.variant === 'exact' && joint !== null ? await storeExactTasks(library, run, base, joint) : await learnApart(library, run, base, options);
  await forgetJointRun(library, run.name);
  return { run, base, tasks, joint };
}

function allStored(library: Library, run: JointRun, base: BaseRecord): boolean {
  return run.tasks.every((_task, index) => storedOutcome(library, ensureTask(library, run, base, index)) !== null);
}

function needed(joint: JointResult | null): JointResult {
  if (joint === null) throw new Error('A joint run without a base has been skipped.');
  return joint;
}

async function learnTogether(library: Library, run: JointRun, options: JointTrainingOptions, resume: boolean): Promise<JointResult> {
  const { signal, onDecoded } = options;
  const base = library.bases.get(run.baseId);
  const imageSize = run.config.train.imageSize ?? base.preprocessing.imageSize;
  const folder = folderOfJointRun(library, run);
  try {
    const tasks = [];
    for (const { taskId, name, datasetId, datasetHash } of run.tasks) {
      const { manifest } = library.datasets.get(datasetId);
      const prepared = await prepareDataset(library, manifest, { ...base.preprocessing, imageSize }, { onProgress: onDecoded, signal });
      if (prepared.quarantined.length > 0) options.onUnreadable?.(name, prepared.quarantined);
      tasks.push({ name, classNames: library.tasks.get(taskId).classNames, preparedFolder: prepared.folder, datasetHash });
    }
    requireSpace(library.folder, bytesOfRun(base, run), `Joint training of ${String(tasks.length)} tasks`);
    await mkdir(folder, { recursive: true });
    options.onRun?.(run);
    const control = options.controlOf?.();
    const trainer = new TrainerClient();
    try {
      const learning = trainer.joint({ runFolder: folder, base: library.bases.files(base), config: run.config, tasks, preprocessing: base.preprocessing, resume }, (event) => options.onEvent?.(event), signal);
      control?.attach(trainer);
      return (await learning).result;
    } finally {
      control?.detach();
      await trainer.stop();
    }
  } catch (error) {
    // Before its first checkpoint a new run is nothing to go on from: its name is free again.
    if (!resume && !(await hasCheckpoint(folder))) await forgetJointRun(library, run.name);
    throw error;
  }
}

async function hasCheckpoint(folder: string): Promise<boolean> {
  return (await readdir(folder).catch(() => [])).some((file) => file.startsWith('checkpoint-'));
}

/** Two checkpoints (the new one is written beside the old) of weights, momentum and the best so far, and what is stored at the end. */
function bytesOfRun({ weights }: BaseRecord, { config, tasks }: JointRun): number {
  const copies = config.variant === 'exact' ? tasks.length + 1 : 1;
  const moments = config.train.optimizer === 'adamw' ? 2 : 1;
  return copies * weights.bytes * (2 * (2 + moments) + 2);
}

/** TAPS on the frozen derived base, task after task, as `taps train` does it. What an earlier attempt has finished is left alone. */
async function learnApart(library: Library, run: JointRun, base: BaseRecord, options: JointTrainingOptions): Promise<JointTaskOutcome[]> {
  const outcomes: JointTaskOutcome[] = [];
  for (const index of run.tasks.keys()) {
    const task = ensureTask(library, run, base, index);
    const before = storedOutcome(library, task);
    if (before !== null) {
      outcomes.push(before);
      continue;
    }
    const unfinished = library.runs.latestResumable(task.id, 'taps');
    const learning = trainTask(library, {
      task: task.id,
      config: run.config.train,
      resume: unfinished !== null && canResume(unfinished) ? unfinished : undefined,
      onDecoded: options.onDecoded,
      control: options.controlOf?.(),
      onRun: options.onTaskRun,
      onEvent: (event) => options.onTaskEvent?.(task.name, event),
      signal: options.signal,
    });
    const { quarantined, ...outcome } = await learning.then(
      (learnt) => {
        options.onTaskEnd?.(null);
        return learnt;
      },
      (error: unknown) => {
        options.onTaskEnd?.(error);
        throw error;
      },
    );
    if (quarantined.length > 0) options.onUnreadable?.(task.name, quarantined);
    outcomes.push(outcome);
  }
  return outcomes;
}
