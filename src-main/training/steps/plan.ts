/** @file Which tensors a run trains, under which names they live in the engine's state, and with which start values. */
import { TapsError } from '../../contract/errors.ts';
import type { FloatTensor } from '../../contract/tensors.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { RandomStream } from '../../core/random.ts';
import type { BaseModel, Parameter } from '../../graph/types.ts';
import { METHOD_REGISTRY } from '../../methods/registry.ts';

/** Names in the engine's state. */
export const SCORES = 'scores';
export const HEAD_WEIGHT = 'head/weight';
export const HEAD_BIAS = 'head/bias';
export const OPTIMIZER_STEP = 'optimizer/step';
export const deltaName = (parameter: string): string => `delta/${parameter}`;
/** Frozen weights of gated layers: read by every step, kept once, no part of a checkpoint. */
export const BASE_PREFIX = 'base/';
export const baseName = (parameter: string): string => BASE_PREFIX + parameter;
export const valueName = (parameter: string): string => `value/${parameter}`;
export const momentumName = (entry: string): string => `momentum/${entry}`;
export const secondMomentName = (entry: string): string => `moment2/${entry}`;
export const accumulatorName = (entry: string): string => `accumulated/${entry}`;

export interface TrainPlan {
  config: TrainConfig;
  base: BaseModel;
  classes: number;
  /** Gated parameters in forward order; the index is the layer's place in `scores`. */
  gated: Parameter[];
  /** Parameters with a value of the task's own that the optimiser moves. */
  trained: Parameter[];
  /** Running statistics that batch normalisation updates; empty when they are frozen. */
  statistics: Parameter[];
  /** Everything else that the network computes with. */
  frozen: Parameter[];
  normalization: 'batch' | 'running';
}

export function makePlan(base: BaseModel, config: TrainConfig, classes: number): TrainPlan {
  if (classes < 2) throw new TapsError('dataset-invalid', `The task has ${String(classes)} class(es).`, 'Give at least two folders with images.');
  const method = METHOD_REGISTRY[config.method];
  const plan: TrainPlan = { config, base, classes, gated: [], trained: [], statistics: [], frozen: [], normalization: method.normalization };
  for (const parameter of base.parameters) {
    if (parameter.role === 'head' || parameter.role === 'constant') continue;
    const treatment = method.treatment(parameter.role);
    if (treatment === 'gated') plan.gated.push(parameter);
    else if (treatment === 'frozen') plan.frozen.push(parameter);
    else if (parameter.role === 'norm-statistic') plan.statistics.push(parameter);
    else plan.trained.push(parameter);
  }
  plan.gated.sort((a, b) => a.nodeIndex - b.nodeIndex);
  return plan;
}

/** Entries that the optimiser moves, in a fixed order. Scores are apart: they have their own step size and no decay. */
export function optimizedEntries(plan: TrainPlan): string[] {
  return [
    ...plan.gated.map((parameter) => deltaName(parameter.name)),
    ...plan.trained.map((parameter) => valueName(parameter.name)),
    HEAD_WEIGHT,
    HEAD_BIAS,
    ...(plan.gated.length > 0 ? [SCORES] : []),
  ];
}

/** Start values: δ = 0, s = scoreInit, base values, a new head drawn as PyTorch's Linear (uniform ±1/√features). */
export function initialState(plan: TrainPlan): Record<string, FloatTensor> {
  const { base, config, classes } = plan;
  const state: Record<string, FloatTensor> = {};
  for (const { name, shape } of plan.gated) {
    state[deltaName(name)] = zeros(shape);
    state[baseName(name)] = baseValue(base, name);
  }
  for (const { name } of [...plan.trained, ...plan.statistics]) {
    const { shape, data } = baseValue(base, name);
    // The state belongs to the engine; the base stays as it is.
    state[valueName(name)] = { shape, data: data.slice() };
  }
  const { features } = base.head;
  const bound = 1 / Math.sqrt(features);
  const stream = new RandomStream(config.seed, 'head');
  const draw = (): number => (2 * stream.uniform() - 1) * bound;
  state[HEAD_WEIGHT] = { shape: [classes, features], data: Float32Array.from({ length: classes * features }, draw) };
  state[HEAD_BIAS] = { shape: [classes], data: Float32Array.from({ length: classes }, draw) };
  if (plan.gated.length > 0) state[SCORES] = { shape: [plan.gated.length], data: new Float32Array(plan.gated.length).fill(config.scoreInit) };
  for (const entry of optimizedEntries(plan)) {
    const shape = state[entry]?.shape ?? [];
    if (config.optimizer === 'sgd') {
      if (config.momentum > 0) state[momentumName(entry)] = zeros(shape);
    } else {
      state[momentumName(entry)] = zeros(shape);
      state[secondMomentName(entry)] = zeros(shape);
    }
    if (config.accumulate > 1) state[accumulatorName(entry)] = zeros(shape);
  }
  if (config.optimizer === 'adamw') state[OPTIMIZER_STEP] = { shape: [], data: Float32Array.of(0) };
  return state;
}

/** The base's own value as float32. */
export function baseValue(base: BaseModel, name: string): FloatTensor {
  const tensor = base.graph.initializers.get(name);
  if (tensor === undefined || !(tensor.data instanceof Float32Array)) {
    throw new TapsError('model-unsupported', `The parameter ${name} is ${tensor === undefined ? 'missing' : tensor.dtype}, not float32.`, 'Convert the model to float32.');
  }
  return { shape: tensor.shape, data: tensor.data };
}

function zeros(shape: readonly number[]): FloatTensor {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
}
