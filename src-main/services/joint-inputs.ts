/** @file Which tasks a joint run is of, under which names its results will be, and everything that can be said against it beforehand. */
import { TapsError } from '../contract/errors.ts';
import { jointConfigSchema, type BaseLineage, type JointConfig } from '../contract/joint.ts';
import type { BaseRecord, TaskRecord } from '../contract/records.ts';
import { checkName } from '../library/names.ts';
import type { Library } from './open-library.ts';

export interface JointInputs {
  base: BaseRecord;
  tasks: TaskRecord[];
}

/** Name of a task on the derived base. */
export function jointTaskName(task: string, joint: string): string {
  return `${task}@${joint}`;
}

/**
 * @param names of tasks, or ids
 * @throws TapsError `usage` for fewer than two tasks or one named twice; `not-found`; `base-mismatch`; `dataset-invalid`
 */
export function jointInputs(library: Library, names: readonly string[]): JointInputs {
  if (names.length < 2) throw new TapsError('usage', `Joint training needs at least two tasks, not ${String(names.length)}.`, names.length === 1 ? `Learn one task by itself: taps train ${names[0] ?? ''}.` : 'Name them: --tasks a,b,c.');
  const tasks = names.map((name) => library.tasks.get(name));
  const seen = new Set<string>();
  for (const { id, name } of tasks) {
    if (seen.has(id)) throw new TapsError('usage', `The task ${JSON.stringify(name)} is named twice.`, 'Name every task once.');
    seen.add(id);
    const { manifest } = library.datasets.get(library.tasks.get(id).datasetId);
    if (manifest.images.length === 0) throw new TapsError('dataset-invalid', `Task ${JSON.stringify(name)} came from an adapter folder and has no pictures to learn from.`, 'Leave it out, or add a task with pictures of your own: taps task add.');
  }
  const bases = tasks.map(({ baseId }) => library.bases.get(baseId));
  const [base] = bases;
  const other = bases.findIndex(({ id }) => id !== base?.id);
  if (base === undefined || other >= 0) {
    const say = (index: number): string => `${JSON.stringify(tasks[index]?.name ?? '')} is on ${JSON.stringify(bases[index]?.name ?? '')}`;
    throw new TapsError('base-mismatch', `The tasks have different bases: ${say(0)}, ${say(other)}.`, 'Name tasks of one base; add the pictures again with --base to have them on another.');
  }
  return { base, tasks };
}

/**
 * Names are taken before hours of training, not after them.
 * @throws TapsError `already-exists`, `invalid-config`
 */
export function requireFreeNames(library: Library, name: string, tasks: readonly Pick<TaskRecord, 'name'>[]): void {
  checkName('base', name);
  if (library.bases.list().some((base) => base.name === name)) throw new TapsError('already-exists', `The library has a base named ${JSON.stringify(name)} already.`, 'Choose another name for the joint run, or remove that base first.');
  for (const task of tasks) {
    const wanted = jointTaskName(task.name, name);
    checkName('task', wanted);
    if (library.tasks.isNameTaken(wanted)) throw new TapsError('already-exists', `The library has a task named ${JSON.stringify(wanted)} already.`, 'Choose another name for the joint run, or remove that task first.');
  }
}

/** @throws TapsError `invalid-config` for values out of range and for settings of the other variant */
export function checkJointConfig(config: unknown): JointConfig {
  const parsed = jointConfigSchema.safeParse(config);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    throw new TapsError('invalid-config', `The setting ${issue?.path.join('.') ?? ''} is not possible: ${issue?.message ?? ''}.`, 'Choose a value in its range; taps joint --help explains every option.');
  }
  const { variant, sharedEpochs, sharedLearningRate } = parsed.data;
  if (variant === 'exact' && sharedEpochs !== null) throw new TapsError('invalid-config', `--shared-epochs ${String(sharedEpochs)} has no meaning in the exact variant, where everything is learnt together.`, 'Leave it out, or use --variant two-stage.');
  if (variant === 'two-stage' && sharedLearningRate === 0) throw new TapsError('invalid-config', '--shared-lr 0 would leave the first stage where it started.', 'Give a rate above 0, or learn the tasks by themselves: taps train.');
  return parsed.data;
}

/** An unfinished joint run, as it is remembered until its results are stored. */
export interface JointRun extends Pick<BaseLineage, 'config' | 'tasks'> {
  id: string;
  name: string;
  baseId: string;
  startedAt: number;
}

export function lineageOf(run: JointRun, from: BaseRecord): BaseLineage {
  return { kind: 'joint', fromBaseId: from.id, fromBaseName: from.name, runId: run.id, config: run.config, tasks: run.tasks };
}
