/**
 * @file The programs of joint training. The task in place is seen by the step functions of a single task under the names they know:
 * its frozen base is W̄ + Δ (exact), or its trained values are those of all tasks (two-stage).
 */
import { tf, type Tensor } from '../../engine/tfjs.ts';
import type { NamedTensors, StepSpec } from '../../engine/types.ts';
import { evaluateStepSpec } from '../steps/evaluate-step.ts';
import { entry } from '../steps/network.ts';
import { applyOptimizer } from '../steps/optimizer.ts';
import { accumulatorName, baseEntries, baseName, OPTIMIZER_STEP, valueName } from '../steps/plan.ts';
import { addPenalty, batchFeeds, gradientsOf, hyperparameters, stepConstants, type Outcome, type StepShape } from '../steps/train-step.ts';
import { exchangedEntries, keptSharedEntries, momentsOf, ownAccumulated, SHARED_OPTIMIZER_STEP, sharedName, type JointPlan } from './joint-plan.ts';

const accumulators = (plan: JointPlan): string[] => plan.shared.map(({ name }) => accumulatorName(name));

/** Frozen entries, and those that only the step after all tasks changes. */
function readOnlyEntries(plan: JointPlan): string[] {
  return [...baseEntries(plan.program), ...plan.shared.map(({ name }) => name)];
}

/** The state as a step of one task reads it. */
function taskView(plan: JointPlan, state: NamedTensors): NamedTensors {
  if (plan.variant === 'two-stage') return state;
  const bases = plan.shared.map(({ name, parameter }) => [baseName(parameter.name), tf.add(entry(state, baseName(parameter.name)), entry(state, name))] as const);
  return { ...state, ...Object.fromEntries(bases) };
}

/**
 * The one micro-batch of the task in place: the task's own entries move (δ, s with its penalty, normalisation, head), and the gradient of
 * what is shared, dL_t/dΔ = G_t because ∂w_t/∂Δ = 1, is added to the accumulators as G_t/T. Results: loss [], logits [N, classes].
 */
export function taskStepSpec(plan: JointPlan, shape: StepShape): StepSpec {
  const { program } = plan;
  const own = new Set(plan.own);
  const sums = accumulators(plan);
  const exchanged = exchangedEntries(plan);
  const writes = [...exchanged, ...sums, ...plan.sharedStatistics];
  return {
    name: 'joint-task',
    feeds: { ...batchFeeds(program, shape), ...hyperparameters(program) },
    reads: [...writes, ...readOnlyEntries(plan)],
    writes,
    results: ['loss', 'logits'],
    constants: stepConstants(program),
    program: ({ feeds, state, constants, layout }) => {
      const view = taskView(plan, state);
      const outcome = gradientsOf(program, { feeds, state: view, constants, layout });
      const added = addShared(plan, outcome, state);
      const ofTask = new Map(outcome.gradients.filter(([name]) => own.has(name)));
      addPenalty(program, ofTask, view, feeds);
      return {
        state: { ...applyOptimizer(program, ofTask, view, feeds), ...outcome.statistics, ...added },
        results: { loss: outcome.loss, logits: outcome.logits },
      };
    },
  };
}

/** Gradients of what is shared, added to the accumulators as the part they have in the mean over tasks and micro-batches. */
function addShared(plan: JointPlan, outcome: Outcome, state: NamedTensors): NamedTensors {
  const gradients = new Map(outcome.gradients);
  const share = tf.scalar(1 / (plan.tasks.length * plan.config.accumulate));
  const added: NamedTensors = {};
  for (const { name, parameter } of plan.shared) {
    const gradient = plan.variant === 'exact' ? outcome.weightGradients.get(parameter.name) : gradients.get(valueName(parameter.name));
    added[accumulatorName(name)] = tf.add(entry(state, accumulatorName(name)), tf.mul(need(gradient), share));
  }
  return added;
}

/** As `taskStepSpec` where an optimiser step sees several micro-batches of a task: its own gradients are summed too, for `ownStepSpec`. */
export function taskAccumulateSpec(plan: JointPlan, shape: StepShape): StepSpec {
  const { program } = plan;
  const own = new Set(plan.own);
  const writes = [...accumulators(plan), ...ownAccumulated(plan).map(accumulatorName), ...plan.ownStatistics, ...plan.sharedStatistics];
  return {
    name: 'joint-accumulate',
    feeds: batchFeeds(program, shape),
    reads: [...writes, ...plan.own, ...readOnlyEntries(plan)],
    writes,
    results: ['loss', 'logits'],
    constants: stepConstants(program),
    program: ({ feeds, state, constants, layout }) => {
      const outcome = gradientsOf(program, { feeds, state: taskView(plan, state), constants, layout });
      const share = tf.scalar(1 / plan.config.accumulate);
      const added = addShared(plan, outcome, state);
      for (const [name, gradient] of outcome.gradients) if (own.has(name)) added[accumulatorName(name)] = tf.add(entry(state, accumulatorName(name)), tf.mul(gradient, share));
      return { state: { ...outcome.statistics, ...added }, results: { loss: outcome.loss, logits: outcome.logits } };
    },
  };
}

/** One optimiser step of the task in place, from its accumulators, which become zero. */
export function ownStepSpec(plan: JointPlan): StepSpec {
  const sums = ownAccumulated(plan).map(accumulatorName);
  const moved = exchangedEntries(plan).filter((name) => !plan.ownStatistics.includes(name));
  return {
    name: 'joint-own',
    feeds: hyperparameters(plan.program),
    reads: [...moved, ...sums],
    writes: [...moved, ...sums],
    results: [],
    constants: {},
    program: ({ feeds, state }) => {
      const gradients = new Map(plan.own.map((name) => [name, entry(state, accumulatorName(name))]));
      addPenalty(plan.program, gradients, state, feeds);
      const cleared = Object.fromEntries(sums.map((name) => [name, tf.mul(entry(state, name), tf.scalar(0))]));
      return { state: { ...applyOptimizer(plan.program, gradients, state, feeds), ...cleared }, results: {} };
    },
  };
}

/** One optimiser step of what is shared, from the accumulators, which become zero. */
export function sharedStepSpec(plan: JointPlan): StepSpec {
  const sums = accumulators(plan);
  const moved = keptSharedEntries(plan).filter((name) => !plan.sharedStatistics.includes(name));
  return {
    name: 'joint-shared',
    feeds: { learningRate: [] },
    reads: [...moved, ...sums],
    writes: [...moved, ...sums],
    results: [],
    constants: {},
    program: ({ feeds, state }) => {
      const adamw = plan.config.optimizer === 'adamw';
      const view = adamw ? { ...state, [OPTIMIZER_STEP]: entry(state, SHARED_OPTIMIZER_STEP) } : state;
      const gradients = new Map(plan.shared.map(({ name }) => [name, entry(state, accumulatorName(name))]));
      const { [OPTIMIZER_STEP]: step, ...updated } = applyOptimizer(plan.program, gradients, view, feeds);
      const cleared = Object.fromEntries(sums.map((name) => [name, tf.mul(entry(state, name), tf.scalar(0))]));
      return { state: { ...updated, ...(step === undefined ? {} : { [SHARED_OPTIMIZER_STEP]: step }), ...cleared }, results: {} };
    },
  };
}

/** Inference with the task in place, as its stored form will compute. Results: logits [N, classes]. */
export function jointEvaluateSpec(plan: JointPlan, shape: StepShape): StepSpec {
  const single = evaluateStepSpec(plan.program, shape);
  const bases = plan.variant === 'exact' ? plan.shared.map(({ parameter }) => sharedName(parameter.name)) : [];
  return { ...single, name: 'joint-evaluate', reads: [...single.reads, ...bases], program: (input) => single.program({ ...input, state: taskView(plan, input.state) }) };
}

/** Entries that evaluation reads of the task in place. */
export function evaluatedOwnEntries(plan: JointPlan): string[] {
  const moments = new Set(plan.own.flatMap((name) => momentsOf(plan, name)));
  return exchangedEntries(plan).filter((name) => !moments.has(name) && name !== OPTIMIZER_STEP);
}

function need(tensor: Tensor | undefined): Tensor {
  if (tensor === undefined) throw new Error('A gradient of the step is missing.');
  return tensor;
}
