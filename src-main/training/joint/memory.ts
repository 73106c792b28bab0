/** @file How much memory joint training will take, before any of it is taken. */
import { elementCount } from '../../contract/tensors.ts';
import type { StepSpec } from '../../engine/types.ts';
import { traceProgram } from '../../engine/tracing/recording-backend.ts';
import { inputsOf, type TraceValue } from '../../engine/tracing/trace.ts';
import { accumulatorName, baseEntries } from '../steps/plan.ts';
import type { StepShape } from '../steps/train-step.ts';
import { exchangedEntries, keptSharedEntries, ownAccumulated, stateShapes, type JointPlan } from './joint-plan.ts';
import { evaluatedOwnEntries, jointEvaluateSpec, taskAccumulateSpec, taskStepSpec } from './joint-steps.ts';

const FLOAT_BYTES = 4;
/**
 * The runtime's memory against what a step's values take: its own copies in other orders, and an arena that grows in large pieces.
 * Measured on the embedded base: 1.3 (32 pixels, batch 32) and 1.45 (96 pixels).
 */
const WORKING_FACTOR = 1.5;
/** Compiled steps and the program itself; measured 60 MB. */
const PROGRAM_BYTES = 100e6;
/** An entry that steps write is held twice, what is read and what the next step writes, unless an engine can write it in place: an upper bound. */
const BUFFERS = 2;

export interface JointMemoryEstimate {
  /** Everything at the moment of a checkpoint. */
  bytes: number;
  /** Part of `bytes`: what each further task like the largest adds. */
  bytesPerTask: number;
  /** Part of `bytes`: what steps compute with, activations above all. */
  workingBytes: number;
}

/** The steps' recordings need the gradients of `engine/gradients`: make an engine first. */
export function estimateJointMemory(plan: JointPlan, shape: StepShape): JointMemoryEstimate {
  const shapes = stateShapes(plan);
  const sum = (names: readonly string[]): number => names.reduce((total, name) => total + elementCount(shapes.get(name) ?? []), 0);
  const sums = sum([...plan.shared.map(({ name }) => name), ...ownAccumulated(plan)].map(accumulatorName));
  const sharedKept = sum(keptSharedEntries(plan));
  const sharedBest = sum([...plan.shared.map(({ name }) => name), ...plan.sharedStatistics]);
  const ownKept = sum(exchangedEntries(plan));
  const ownBest = sum(evaluatedOwnEntries(plan));
  const base = [...plan.program.base.graph.initializers.values()].reduce((total, tensor) => total + elementCount(tensor.shape), 0);
  // On the engine: what is frozen, what is shared with its sums of gradients, one task in place.
  const engine = sum(baseEntries(plan.program)) + BUFFERS * (sharedKept + sums + ownKept);
  // A checkpoint: a copy of what is shared, the best epoch so far, and both as the bytes of a file.
  const checkpoint = 2 * sharedKept + 2 * sharedBest;
  // A task: where it waits, in the best epoch, and both in a checkpoint's bytes.
  const perTask = 2 * (ownKept + ownBest);
  const numbers = base + engine + checkpoint + perTask * plan.tasks.length;
  const workingBytes = WORKING_FACTOR * (workingBytesOf(plan.config.accumulate > 1 ? taskAccumulateSpec(plan, shape) : taskStepSpec(plan, shape), shapes) + workingBytesOf(jointEvaluateSpec(plan, shape), shapes));
  return { bytes: FLOAT_BYTES * numbers + workingBytes + PROGRAM_BYTES, bytesPerTask: FLOAT_BYTES * perTask, workingBytes };
}

/** What a step holds at its largest moment besides state, feeds and constants: its program is recorded, not computed. */
function workingBytesOf(spec: StepSpec, shapes: ReadonlyMap<string, readonly number[]>): number {
  const inputs: Record<string, readonly number[]> = {};
  for (const [name, size] of Object.entries(spec.feeds)) inputs[`feed:${name}`] = size;
  for (const name of spec.reads) inputs[`state:${name}`] = shapes.get(name) ?? [];
  for (const [name, { shape }] of Object.entries(spec.constants)) inputs[`constant:${name}`] = shape;
  const pick = <T>(all: Record<string, T>, names: readonly string[], kind: string): Record<string, T> =>
    Object.fromEntries(names.flatMap((name) => (all[`${kind}:${name}`] === undefined ? [] : [[name, all[`${kind}:${name}`] as T]])));
  const trace = traceProgram(inputs, (tensors) => {
    const { state, results } = spec.program({
      feeds: pick(tensors, Object.keys(spec.feeds), 'feed'),
      state: pick(tensors, spec.reads, 'state'),
      constants: pick(tensors, Object.keys(spec.constants), 'constant'),
      layout: spec.layout ?? 'cnhw',
    });
    return { ...state, ...results };
  });
  return peakBytes(trace.calls.map((call) => ({ inputs: inputsOf(call), outputs: call.outputs })), new Set(trace.outputs.values()));
}

/** Bytes of the values that are alive together at most, when each goes with its last use. Values of `held` have a place already. */
export function peakBytes(calls: readonly { inputs: readonly TraceValue[]; outputs: readonly TraceValue[] }[], held: ReadonlySet<TraceValue>): number {
  const lastUse = new Map<TraceValue, number>();
  calls.forEach(({ inputs, outputs }, index) => {
    for (const value of [...outputs, ...inputs]) lastUse.set(value, index);
  });
  const made = new Set<TraceValue>();
  let alive = 0;
  let peak = 0;
  calls.forEach(({ inputs, outputs }, index) => {
    for (const value of outputs) {
      if (held.has(value)) continue;
      made.add(value);
      alive += FLOAT_BYTES * elementCount(value.shape);
    }
    peak = Math.max(peak, alive);
    for (const value of new Set([...inputs, ...outputs])) {
      if (lastUse.get(value) !== index || !made.delete(value)) continue;
      alive -= FLOAT_BYTES * elementCount(value.shape);
    }
  });
  return peak;
}
