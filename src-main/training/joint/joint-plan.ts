/** @file What several tasks share and what each has for itself, as entries of one engine state. */
import { TapsError } from '../../contract/errors.ts';
import { elementCount, type FloatTensor } from '../../contract/tensors.ts';
import type { JointVariant } from '../../contract/joint.ts';
import type { TrainConfig } from '../../contract/training.ts';
import type { BaseModel, Parameter } from '../../graph/types.ts';
import { accumulatorName, BASE_PREFIX, baseName, deltaName, HEAD_BIAS, HEAD_WEIGHT, initialState, makePlan, momentumName, OPTIMIZER_STEP, optimizedEntries, SCORES, secondMomentName, valueName, zeros, type TrainPlan } from '../steps/plan.ts';

/** Δ of a gated layer: what all tasks add to the base together. */
export const sharedName = (parameter: string): string => `shared/${parameter}`;

/** An entry that every task's gradient moves. */
export interface SharedEntry {
  /** In the engine's state. */
  name: string;
  parameter: Parameter;
}

export interface JointPlan {
  variant: JointVariant;
  /** Of the joint stage: method `taps` (exact) or `full-fine-tuning` (first stage of two-stage). */
  config: TrainConfig;
  /** By task. All equal but for the number of classes. */
  tasks: TrainPlan[];
  /**
   * What is compiled, once for all tasks: a task's own entries are put in the places that a run of one task has them in. Its head has
   * as many classes as the largest task; rows that a smaller task lacks are held at a bias that no softmax notices.
   */
  program: TrainPlan;
  /** Moved once per optimiser step by the mean of the tasks' gradients. */
  shared: SharedEntry[];
  /** Moved by the task alone, at its own micro-batches. */
  own: string[];
  /** Running statistics of normalisation: a task's own (exact), or updated by all tasks in turn (two-stage). */
  ownStatistics: string[];
  sharedStatistics: string[];
}

/** Logits of rows beyond a task's classes: exp underflows to 0, so they take no part in loss and gradients. */
export const ABSENT_CLASS_BIAS = -1e9;

/**
 * @param config method `taps` for `exact`, `full-fine-tuning` for `two-stage`
 * @param classes of each task, ≥ 2
 * @throws TapsError `dataset-invalid` for a task with one class, `invalid-config` for a configuration with a trunk
 */
export function makeJointPlan(base: BaseModel, config: TrainConfig, variant: JointVariant, classes: readonly number[]): JointPlan {
  if (config.trunkShare > 0) throw new TapsError('invalid-config', `Joint training changes all of the network, and a trunk of ${String(config.trunkShare)} is asked for.`, 'Leave the trunk out.');
  const tasks = classes.map((count) => makePlan(base, config, count));
  const program = makePlan(base, config, Math.max(...classes));
  const statistics = program.statistics.map(({ name }) => valueName(name));
  if (variant === 'exact') {
    const shared = program.gated.map((parameter) => ({ name: sharedName(parameter.name), parameter }));
    return { variant, config, tasks, program, shared, own: optimizedEntries(program), ownStatistics: statistics, sharedStatistics: [] };
  }
  const shared = program.trained.map((parameter) => ({ name: valueName(parameter.name), parameter }));
  return { variant, config, tasks, program, shared, own: [HEAD_WEIGHT, HEAD_BIAS], ownStatistics: [], sharedStatistics: statistics };
}

/** The optimiser's entries for one that it moves. */
export function momentsOf({ config }: JointPlan, name: string): string[] {
  if (config.optimizer === 'adamw') return [momentumName(name), secondMomentName(name)];
  return config.momentum > 0 ? [momentumName(name)] : [];
}

/** A task's own entries whose gradients are summed over micro-batches: none where an optimiser step sees one micro-batch of a task. */
export function ownAccumulated({ config, own }: JointPlan): string[] {
  return config.accumulate > 1 ? own : [];
}

/** AdamW counts the steps of what all tasks move apart from those of a task's own. */
export const SHARED_OPTIMIZER_STEP = `shared:${OPTIMIZER_STEP}`;

/** A task's own entries with their moments and step count: what is exchanged between tasks. */
export function exchangedEntries(plan: JointPlan): string[] {
  const counter = plan.config.optimizer === 'adamw' ? [OPTIMIZER_STEP] : [];
  return [...plan.own.flatMap((name) => [name, ...momentsOf(plan, name)]), ...counter, ...plan.ownStatistics];
}

/** Entries of all tasks that a checkpoint holds once. */
export function keptSharedEntries(plan: JointPlan): string[] {
  const counter = plan.config.optimizer === 'adamw' ? [SHARED_OPTIMIZER_STEP] : [];
  return [...plan.shared.flatMap(({ name }) => [name, ...momentsOf(plan, name)]), ...counter, ...plan.sharedStatistics];
}

/** Shapes of everything on the engine, without a value. */
export function stateShapes(plan: JointPlan): Map<string, readonly number[]> {
  const { program, config } = plan;
  const { features } = program.base.head;
  const moved = new Map<string, readonly number[]>([
    ...program.gated.map(({ name, shape }) => [deltaName(name), shape] as const),
    ...program.trained.map(({ name, shape }) => [valueName(name), shape] as const),
    ...plan.shared.map(({ name, parameter }) => [name, parameter.shape] as const),
    [HEAD_WEIGHT, [program.classes, features]],
    [HEAD_BIAS, [program.classes]],
  ]);
  if (program.gated.length > 0) moved.set(SCORES, [program.gated.length]);
  const shapes = new Map<string, readonly number[]>(moved);
  for (const [name, shape] of moved) for (const moment of momentsOf(plan, name)) shapes.set(moment, shape);
  for (const { name, parameter } of plan.shared) shapes.set(accumulatorName(name), parameter.shape);
  for (const name of ownAccumulated(plan)) shapes.set(accumulatorName(name), moved.get(name) ?? []);
  for (const { name, shape } of program.gated) shapes.set(baseName(name), shape);
  for (const { name, shape } of program.statistics) shapes.set(valueName(name), shape);
  if (config.optimizer === 'adamw') for (const counter of [OPTIMIZER_STEP, SHARED_OPTIMIZER_STEP]) shapes.set(counter, []);
  return shapes;
}

/** Start values of one task's own entries, padded to the program's shapes. */
export function ownStart(plan: JointPlan, task: number): Map<string, FloatTensor> {
  const start = initialState(planOf(plan, task));
  const own = new Map<string, FloatTensor>();
  for (const name of exchangedEntries(plan)) {
    const value = start[name];
    if (value === undefined) throw new Error(`The task has no entry ${name}.`);
    own.set(name, padClasses(name, value, plan.program.classes));
  }
  return own;
}

/** Start values of everything on the engine, with the first task in place: Δ = 0 (exact), the base's own values (two-stage). */
export function engineStart(plan: JointPlan): Record<string, FloatTensor> {
  const start: Record<string, FloatTensor> = Object.fromEntries(ownStart(plan, 0));
  const single = initialState(plan.program);
  for (const [name, value] of Object.entries(single)) if (name.startsWith(BASE_PREFIX)) start[name] = value;
  for (const { name, parameter } of plan.shared) {
    start[name] = single[name] ?? zeros(parameter.shape);
    for (const moment of momentsOf(plan, name)) start[moment] = zeros(parameter.shape);
    start[accumulatorName(name)] = zeros(parameter.shape);
  }
  for (const name of plan.sharedStatistics) {
    const value = single[name];
    if (value !== undefined) start[name] = value;
  }
  for (const name of ownAccumulated(plan)) start[accumulatorName(name)] = zeros(start[name]?.shape ?? []);
  if (plan.config.optimizer === 'adamw') start[SHARED_OPTIMIZER_STEP] = { shape: [], data: Float32Array.of(0) };
  return start;
}

export function planOf(plan: JointPlan, task: number): TrainPlan {
  const own = plan.tasks[task];
  if (own === undefined) throw new Error(`There is no task ${String(task)}.`);
  return own;
}

const HEAD_ENTRIES = new Set([HEAD_WEIGHT, HEAD_BIAS].flatMap((name) => [name, momentumName(name), secondMomentName(name)]));

/** A head entry, or a moment of one, with rows for more classes. Moments of absent classes are 0, as their gradients are. */
function padClasses(name: string, { shape, data }: FloatTensor, classes: number): FloatTensor {
  if (!HEAD_ENTRIES.has(name)) return { shape, data };
  const [, ...rest] = shape;
  const padded = { shape: [classes, ...rest], data: new Float32Array(classes * elementCount(rest)) };
  if (name === HEAD_BIAS) padded.data.fill(ABSENT_CLASS_BIAS);
  padded.data.set(data);
  return padded;
}

/** Inverse of the padding. */
export function cutClasses(name: string, { shape, data }: FloatTensor, classes: number): FloatTensor {
  if (!HEAD_ENTRIES.has(name)) return { shape, data };
  const [, ...rest] = shape;
  return { shape: [classes, ...rest], data: data.slice(0, classes * elementCount(rest)) };
}
