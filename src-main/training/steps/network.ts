/** @file The task's network inside a step: effective weights, features and head. */
import { runKernel, tf, type Tensor } from '../../engine/tfjs.ts';
import { KERNELS } from '../../engine/kernels/names.ts';
import type { ActivationLayout, NamedTensors } from '../../engine/types.ts';
import { imageInput, neededNodes, runPart, valueOf } from '../../operators/run-graph.ts';
import { asNatural, natural, type Value } from '../../operators/value.ts';
import { baseEntries, baseName, deltaName, partEntries, SCORES, valueName, type AdaptedLayer, type TrainPlan } from './plan.ts';

/** Tensor that must be in the record. */
export function entry(tensors: NamedTensors, name: string): Tensor {
  const tensor = tensors[name];
  if (tensor === undefined) throw new Error(`The step has no tensor ${name}.`);
  return tensor;
}

/** 1[s ≥ τ] of every gated layer, scalars in forward order. */
export function gateMasks(plan: TrainPlan, state: NamedTensors): Tensor[] {
  if (plan.gated.length === 0) return [];
  const masks = runKernel(KERNELS.gate, { score: entry(state, SCORES) }, { threshold: plan.config.threshold });
  return plan.gated.map((_, layer) => tf.reshape(tf.slice(masks, [layer], [1]), []));
}

/** w = w̄ + 1[s ≥ τ]·δ of every gated layer (TAPS, section 3), by parameter name. */
export function gatedWeights(plan: TrainPlan, masks: Tensor[], state: NamedTensors): Map<string, Tensor> {
  return new Map(
    plan.gated.map(({ name }, layer) => {
      const mask = masks[layer];
      if (mask === undefined) throw new Error('One mask per gated layer.');
      return [name, tf.add(entry(state, baseName(name)), tf.mul(entry(state, deltaName(name)), mask))];
    }),
  );
}

/** The layer's own tensors by part. */
export function partsOf(layer: AdaptedLayer, state: NamedTensors): NamedTensors {
  return Object.fromEntries(partEntries(layer).map(([part, name]) => [part, entry(state, name)]));
}

/** Effective weights of reparameterised layers, by parameter name. */
export function adaptedWeights(plan: TrainPlan, state: NamedTensors): Map<string, Tensor> {
  return new Map(plan.adapted.map((layer) => [layer.parameter.name, layer.by.weight(entry(state, baseName(layer.parameter.name)), partsOf(layer, state))]));
}

/** Feed of a step that begins with the pictures, [N, 3, H, W]. */
export const IMAGES = 'images';
/** Feed of a step that begins above a trunk, [N, …]. */
export const ACTIVATIONS = 'activations';

export interface FeaturesRun {
  plan: TrainPlan;
  /** With `images`, or with `activations` where the plan has a trunk. */
  feeds: NamedTensors;
  /** Effective tensors of gated, reparameterised and trained parameters and statistics; others come from `constants`. */
  effective: Map<string, Tensor>;
  constants: NamedTensors;
  layout: ActivationLayout;
  normalization: 'batch' | 'running';
  onStatistics?: (meanName: string, varianceName: string, mean: Tensor, variance: Tensor) => void;
}

/** Pictures or activations → features [N, F]. */
export function runFeatures({ plan, feeds, effective, constants, layout, normalization, onStatistics }: FeaturesRun): Tensor {
  const { base: { graph, head }, trunk } = plan;
  const given =
    trunk === null
      ? new Map([[imageInput(graph), natural(entry(feeds, IMAGES))]])
      : new Map<string, Value>([...Array.from(trunk.hosts, ([name, host]) => [name, { kind: 'host', host }] as const), [trunk.value.name, natural(entry(feeds, ACTIVATIONS))]]);
  const values = runPart({
    graph,
    nodes: trunk === null ? neededNodes(graph, head.featureValue) : trunk.above,
    given,
    layout,
    normalization,
    parameter: (name) => effective.get(name) ?? constants[name],
    ...(onStatistics === undefined ? {} : { onStatistics }),
  });
  return asNatural(valueOf(values, head.featureValue));
}

/** features [N, F] · weightᵀ [F, classes] + bias → logits [N, classes]. */
export function runHead(features: Tensor, weight: Tensor, bias: Tensor): Tensor {
  return tf.add(tf.matMul(features, weight, false, true), bias);
}

/** State entries of the task's own values, by parameter name. */
export function ownValues(names: readonly { name: string }[], state: NamedTensors): Map<string, Tensor> {
  return new Map(names.map(({ name }) => [name, entry(state, valueName(name))]));
}

/** State entries that the network below the head is computed from. */
export function networkEntries(plan: TrainPlan): string[] {
  return [
    ...plan.gated.map(({ name }) => deltaName(name)),
    ...plan.adapted.flatMap((layer) => partEntries(layer).map(([, name]) => name)),
    ...baseEntries(plan),
    ...[...plan.trained, ...plan.statistics].map(({ name }) => valueName(name)),
    ...(plan.gated.length > 0 ? [SCORES] : []),
  ];
}

/** What the network computes with at present, by parameter name. @param state with `networkEntries` */
export function presentWeights(plan: TrainPlan, state: NamedTensors): Map<string, Tensor> {
  return new Map([...gatedWeights(plan, gateMasks(plan, state), state), ...adaptedWeights(plan, state), ...ownValues([...plan.trained, ...plan.statistics], state)]);
}
