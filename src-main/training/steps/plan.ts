/** @file Which tensors a run trains, under which names they live in the engine's state, and with which start values. */
import { TapsError } from '../../contract/errors.ts';
import type { FloatTensor } from '../../contract/tensors.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { RandomStream } from '../../core/random.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { BaseModel, Parameter } from '../../graph/types.ts';
import type { AdaptableParameter } from '../../methods/method.ts';
import { METHOD_REGISTRY } from '../../methods/registry.ts';
import type { Reparameterisation } from '../../methods/reparameterisation.ts';
import type { Trunk } from '../trunk/trunk.ts';

/** Names in the engine's state. */
export const SCORES = 'scores';
export const HEAD_WEIGHT = 'head/weight';
export const HEAD_BIAS = 'head/bias';
export const OPTIMIZER_STEP = 'optimizer/step';
export const deltaName = (parameter: string): string => `delta/${parameter}`;
/** A parameter of a reparameterised layer. */
export const partName = (part: string, parameter: string): string => `${part}/${parameter}`;
/** Frozen weights of gated and reparameterised layers: read by every step, kept once, no part of a checkpoint. */
export const BASE_PREFIX = 'base/';
export const baseName = (parameter: string): string => BASE_PREFIX + parameter;
export const valueName = (parameter: string): string => `value/${parameter}`;
export const momentumName = (entry: string): string => `momentum/${entry}`;
export const secondMomentName = (entry: string): string => `moment2/${entry}`;
/** Sums of gradients between micro-batches: zero between optimiser steps, no part of a checkpoint. */
export const ACCUMULATED_PREFIX = 'accumulated/';
export const accumulatorName = (entry: string): string => ACCUMULATED_PREFIX + entry;

/** A layer whose weight is computed from the base's and from parts of its own. */
export interface AdaptedLayer {
  parameter: Parameter;
  by: Reparameterisation;
  /** Start values by part. */
  start: Record<string, FloatTensor>;
}

export interface TrainPlan {
  config: TrainConfig;
  base: BaseModel;
  classes: number;
  /** Gated parameters in forward order; the index is the layer's place in `scores`. */
  gated: Parameter[];
  /** Reparameterised layers in forward order. */
  adapted: AdaptedLayer[];
  /** Parameters with a value of the task's own that the optimiser moves. */
  trained: Parameter[];
  /** Running statistics that batch normalisation updates; empty when they are frozen. */
  statistics: Parameter[];
  /** Everything else that the network computes with. */
  frozen: Parameter[];
  normalization: 'batch' | 'running';
  /** What is run once per picture and not learnt (training/trunk); null where steps begin with the pictures. */
  trunk: Trunk | null;
}

export function makePlan(base: BaseModel, config: TrainConfig, classes: number): TrainPlan {
  if (classes < 2) throw new TapsError('dataset-invalid', `The task has ${String(classes)} class(es).`, 'Give at least two folders with images.');
  const method = METHOD_REGISTRY[config.method];
  const treatmentOf = method.treatments({ base, config, classes });
  const plan: TrainPlan = { config, base, classes, gated: [], adapted: [], trained: [], statistics: [], frozen: [], normalization: method.normalization, trunk: null };
  for (const parameter of base.parameters) {
    if (!isAdaptable(parameter)) continue;
    const treatment = treatmentOf(parameter);
    if (typeof treatment === 'object') plan.adapted.push({ parameter, by: treatment, start: treatment.start() });
    else if (treatment === 'gated') plan.gated.push(parameter);
    else if (treatment === 'frozen') plan.frozen.push(parameter);
    else if (parameter.role === 'norm-statistic') plan.statistics.push(parameter);
    else plan.trained.push(parameter);
  }
  plan.gated.sort((a, b) => a.nodeIndex - b.nodeIndex);
  plan.adapted.sort((a, b) => a.parameter.nodeIndex - b.parameter.nodeIndex);
  return plan;
}

function isAdaptable(parameter: Parameter): parameter is AdaptableParameter {
  return parameter.role !== 'head' && parameter.role !== 'constant';
}

/** State entries of a reparameterised layer by part. */
export function partEntries({ parameter, start }: AdaptedLayer): [string, string][] {
  return Object.keys(start).map((part) => [part, partName(part, parameter.name)]);
}

/** Frozen weights that steps read from the state: those under gated and reparameterised layers. */
export function baseEntries(plan: TrainPlan): string[] {
  return [...plan.gated, ...plan.adapted.map(({ parameter }) => parameter)].map(({ name }) => baseName(name));
}

/** Whether anything besides the head depends on the task: if not, nothing below the head is differentiated. */
export function learnsBelowHead(plan: TrainPlan): boolean {
  return plan.gated.length + plan.adapted.length + plan.trained.length + plan.statistics.length > 0;
}

/** Entries that weight decay leaves alone: scores, and parts whose size has no meaning. */
export function undecayedEntries(plan: TrainPlan): Set<string> {
  return new Set([SCORES, ...plan.adapted.filter(({ by }) => !by.decays).flatMap((layer) => partEntries(layer).map(([, name]) => name))]);
}

/** Entries that the optimiser moves, in a fixed order. Scores are apart: they have their own step size and no decay. */
export function optimizedEntries(plan: TrainPlan): string[] {
  return [
    ...plan.gated.map((parameter) => deltaName(parameter.name)),
    ...plan.adapted.flatMap((layer) => partEntries(layer).map(([, name]) => name)),
    ...plan.trained.map((parameter) => valueName(parameter.name)),
    HEAD_WEIGHT,
    HEAD_BIAS,
    ...(plan.gated.length > 0 ? [SCORES] : []),
  ];
}

/** Start values: δ = 0, s = scoreInit, parts as their layers say, base values, a new head drawn as PyTorch's Linear (uniform ±1/√features). */
export function initialState(plan: TrainPlan): Record<string, FloatTensor> {
  const { base, config, classes } = plan;
  const state: Record<string, FloatTensor> = {};
  for (const { name, shape } of plan.gated) {
    state[deltaName(name)] = zeros(shape);
    state[baseName(name)] = baseValue(base, name);
  }
  for (const { parameter, start } of plan.adapted) {
    for (const [part, value] of Object.entries(start)) state[partName(part, parameter.name)] = value;
    state[baseName(parameter.name)] = baseValue(base, parameter.name);
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

export function zeros(shape: readonly number[]): FloatTensor {
  return { shape, data: new Float32Array(shape.reduce((product, size) => product * size, 1)) };
}
