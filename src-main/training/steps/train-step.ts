/** @file One micro-batch: forward, loss, gradients by the TAPS equations, and the optimiser or the gradient accumulators. */
import { runKernel, tf, type Tensor } from '../../engine/tfjs.ts';
import { KERNELS } from '../../engine/kernels/names.ts';
import type { NamedTensors, StepSpec } from '../../engine/types.ts';
import type { FloatTensor } from '../../contract/tensors.ts';
import { baseValue } from '../../graph/base-value.ts';
import { applyOptimizer } from './optimizer.ts';
import { inputsOf } from '../trunk/with-trunk.ts';
import { ACTIVATIONS, adaptedWeights, entry, gatedWeights, gateMasks, IMAGES, ownValues, partsOf, runFeatures, runHead } from './network.ts';
import {
  accumulatorName,
  baseEntries,
  baseName,
  learnsBelowHead,
  deltaName,
  HEAD_BIAS,
  HEAD_WEIGHT,
  OPTIMIZER_STEP,
  optimizedEntries,
  partName,
  SCORES,
  valueName,
  momentumName,
  secondMomentName,
  type TrainPlan,
} from './plan.ts';

export interface StepShape {
  batchSize: number;
  imageSize: number;
}

/** Frozen tensors of the base that a step of this plan computes with: where it has a trunk, those above it. */
export function stepConstants({ base, frozen, trunk }: TrainPlan): Record<string, FloatTensor> {
  const used = trunk === null ? null : inputsOf(trunk.above);
  return Object.fromEntries(frozen.filter(({ name }) => used?.has(name) ?? true).map(({ name }) => [name, baseValue(base, name)]));
}

/** Numbers that change with the step; `penalty` is the penalty's slope on each score. */
export function hyperparameters(plan: TrainPlan): Record<string, readonly number[]> {
  return { learningRate: [], scoreLearningRate: [], penalty: [Math.max(1, plan.gated.length)] };
}

/** Forward, backward and update in one program (no accumulation). Results: loss [], logits [N, classes]. */
export function trainStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  const entries = optimizedEntries(plan);
  const moved = entries.flatMap((name) => [name, ...optimizerEntries(plan, name)]);
  const own = plan.config.optimizer === 'adamw' ? [OPTIMIZER_STEP] : [];
  const statistics = plan.statistics.map(({ name }) => valueName(name));
  return {
    name: 'train',
    feeds: { ...batchFeeds(plan, shape), ...confidenceFeeds(plan, shape), ...hyperparameters(plan) },
    reads: [...moved, ...own, ...statistics, ...baseEntries(plan)],
    writes: [...moved, ...own, ...statistics],
    results: ['loss', 'logits'],
    constants: stepConstants(plan),
    ...frozenLayout(plan),
    program: ({ feeds, state, constants, layout }) => {
      const outcome = gradientsOf(plan, { feeds, state, constants, layout });
      const gradients = new Map(outcome.gradients);
      addPenalty(plan, gradients, state, feeds);
      return {
        state: { ...applyOptimizer(plan, gradients, state, feeds), ...outcome.statistics },
        results: { loss: outcome.loss, logits: outcome.logits },
      };
    },
  };
}

/** Adds this micro-batch's mean gradients, divided by their number, to the accumulators. */
export function accumulateStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  const entries = optimizedEntries(plan);
  const sums = entries.map(accumulatorName);
  const statistics = plan.statistics.map(({ name }) => valueName(name));
  return {
    name: 'accumulate',
    feeds: { ...batchFeeds(plan, shape), ...confidenceFeeds(plan, shape) },
    reads: [...entries, ...sums, ...statistics, ...baseEntries(plan)],
    writes: [...sums, ...statistics],
    results: ['loss', 'logits'],
    constants: stepConstants(plan),
    ...frozenLayout(plan),
    program: ({ feeds, state, constants, layout }) => {
      const outcome = gradientsOf(plan, { feeds, state, constants, layout });
      const share = tf.scalar(1 / plan.config.accumulate);
      const added: NamedTensors = {};
      for (const [name, gradient] of outcome.gradients) {
        added[accumulatorName(name)] = tf.add(entry(state, accumulatorName(name)), tf.mul(gradient, share));
      }
      return { state: { ...added, ...outcome.statistics }, results: { loss: outcome.loss, logits: outcome.logits } };
    },
  };
}

/** One optimiser step from the accumulators, which become zero. */
export function applyStepSpec(plan: TrainPlan): StepSpec {
  const entries = optimizedEntries(plan);
  const sums = entries.map(accumulatorName);
  const moved = entries.flatMap((name) => [name, ...optimizerEntries(plan, name)]);
  const own = plan.config.optimizer === 'adamw' ? [OPTIMIZER_STEP] : [];
  return {
    name: 'apply',
    feeds: { ...hyperparameters(plan) },
    reads: [...moved, ...own, ...sums],
    writes: [...moved, ...own, ...sums],
    results: [],
    constants: {},
    program: ({ feeds, state }) => {
      const gradients = new Map(entries.map((name) => [name, entry(state, accumulatorName(name))]));
      addPenalty(plan, gradients, state, feeds);
      const cleared = Object.fromEntries(sums.map((name) => [name, tf.mul(entry(state, name), tf.scalar(0))]));
      return { state: { ...applyOptimizer(plan, gradients, state, feeds), ...cleared }, results: {} };
    },
  };
}

/** Nothing below the head is differentiated: the runtime may fuse the frozen trunk in its own layout. */
function frozenLayout(plan: TrainPlan): { layout?: 'nchw' } {
  return learnsBelowHead(plan) ? {} : { layout: 'nchw' };
}

/** Pictures, or what the trunk made of them. */
export function pictureFeeds({ trunk }: TrainPlan, { batchSize, imageSize }: StepShape): Record<string, readonly number[]> {
  return trunk === null ? { [IMAGES]: [batchSize, 3, imageSize, imageSize] } : { [ACTIVATIONS]: [batchSize, ...trunk.value.shape] };
}

export function batchFeeds(plan: TrainPlan, { batchSize, imageSize }: StepShape): Record<string, readonly number[]> {
  return { ...pictureFeeds(plan, { batchSize, imageSize }), labels: [batchSize, plan.classes] };
}

/** 1/σ of every picture of a batch (training/sample-confidence). */
function confidenceFeeds({ config }: TrainPlan, { batchSize }: StepShape): Record<string, readonly number[]> {
  return config.sampleConfidence ? { inverseSigma: [batchSize] } : {};
}

/** The optimiser's own entries for one that it moves. */
export function optimizerEntries(plan: TrainPlan, name: string): string[] {
  if (plan.config.optimizer === 'adamw') return [momentumName(name), secondMomentName(name)];
  return plan.config.momentum > 0 ? [momentumName(name)] : [];
}

export interface Outcome {
  /** Mean cross-entropy, []. */
  loss: Tensor;
  /** [N, classes]. */
  logits: Tensor;
  /** Of every optimised entry, without the penalty. */
  gradients: [string, Tensor][];
  /** G = dL/dw with respect to the effective weight of every gated and reparameterised layer, by parameter name. */
  weightGradients: Map<string, Tensor>;
  statistics: NamedTensors;
}

/**
 * Differentiates the mean cross-entropy with respect to the effective weights, then splits G = dL/dw of every gated layer:
 * dL/dδ = 1[s ≥ τ]·G and dL/ds = ⟨G, δ⟩ (straight-through estimator), and G of every reparameterised layer as its method says.
 */
export function gradientsOf(plan: TrainPlan, { feeds, state, constants, layout }: Parameters<StepSpec['program']>[0]): Outcome {
  const masks = gateMasks(plan, state);
  const weights = gatedWeights(plan, masks, state);
  const values = ownValues(plan.trained, state);
  const running = ownValues(plan.statistics, state);
  const leaves: [string, Tensor][] = [
    ...weights,
    ...adaptedWeights(plan, state),
    ...values,
    [HEAD_WEIGHT, entry(state, HEAD_WEIGHT)],
    [HEAD_BIAS, entry(state, HEAD_BIAS)],
  ];
  const statistics: NamedTensors = {};
  const kept: { logits?: Tensor } = {};
  const loss = (...tensors: Tensor[]): Tensor => {
    const effective = new Map(running);
    leaves.forEach(([name], index) => {
      const tensor = tensors[index];
      if (tensor !== undefined) effective.set(name, tensor);
    });
    const features = runFeatures({
      plan,
      feeds,
      effective,
      constants,
      layout,
      normalization: plan.normalization,
      onStatistics: (meanName, varianceName, mean, variance) => {
        statistics[valueName(meanName)] = tf.keep(mean);
        statistics[valueName(varianceName)] = tf.keep(variance);
      },
    });
    const scores = runHead(features, need(effective.get(HEAD_WEIGHT)), need(effective.get(HEAD_BIAS)));
    kept.logits = tf.keep(scores);
    const inverseSigma = feeds['inverseSigma'];
    const scaled = inverseSigma === undefined ? scores : tf.mul(scores, tf.reshape(inverseSigma, [-1, 1]));
    return crossEntropy(scaled, entry(feeds, 'labels'));
  };
  const { value, grads } = tf.valueAndGrads(loss as (...args: Tensor[]) => ReturnType<typeof tf.scalar>)(leaves.map(([, tensor]) => tensor));
  for (const [name, tensor] of Object.entries(statistics)) statistics[name] = release(tensor);
  const byName = new Map(leaves.map(([name], index) => [name, need(grads[index])]));
  const gradients: [string, Tensor][] = [];
  const scoreGradients: Tensor[] = [];
  plan.gated.forEach(({ name }, layer) => {
    const g = need(byName.get(name));
    gradients.push([deltaName(name), tf.mul(g, need(masks[layer]))]);
    scoreGradients.push(tf.reshape(runKernel(KERNELS.dot, { a: g, b: entry(state, deltaName(name)) }), [1]));
  });
  for (const layer of plan.adapted) {
    const { name } = layer.parameter;
    const parts = layer.by.gradients(need(byName.get(name)), entry(state, baseName(name)), partsOf(layer, state));
    for (const [part, gradient] of Object.entries(parts)) gradients.push([partName(part, name), gradient]);
  }
  for (const { name } of plan.trained) gradients.push([valueName(name), need(byName.get(name))]);
  gradients.push([HEAD_WEIGHT, need(byName.get(HEAD_WEIGHT))], [HEAD_BIAS, need(byName.get(HEAD_BIAS))]);
  if (scoreGradients.length > 0) gradients.push([SCORES, scoreGradients.length === 1 ? need(scoreGradients[0]) : tf.concat(scoreGradients, 0)]);
  const layers = [...plan.gated, ...plan.adapted.map(({ parameter }) => parameter)];
  const weightGradients = new Map(layers.map(({ name }) => [name, need(byName.get(name))]));
  return { loss: value, logits: release(need(kept.logits)), gradients, weightGradients, statistics };
}

/** A tensor kept across the tape's own scope becomes an ordinary one of the caller's scope. */
function release(tensor: Tensor): Tensor {
  const copy = tf.clone(tensor);
  tensor.dispose();
  return copy;
}

/** Adds p·sign(s), the gradient of the sparsity penalty Σ p_l·|s_l|; feed `penalty` is p: λ/L for every layer as published, 0 in warm-up. */
export function addPenalty(plan: TrainPlan, gradients: Map<string, Tensor>, state: NamedTensors, feeds: NamedTensors): void {
  const data = gradients.get(SCORES);
  if (data === undefined) return;
  gradients.set(SCORES, tf.add(data, tf.mul(tf.sign(entry(state, SCORES)), entry(feeds, 'penalty'))));
}

/** Mean over the batch of −Σ labels·log softmax(logits). */
function crossEntropy(logits: Tensor, labels: Tensor): Tensor {
  const [batch = 1] = logits.shape;
  return tf.mul(tf.sum(tf.mul(tf.logSoftmax(logits), labels)), tf.scalar(-1 / batch));
}

function need<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('A tensor of the step is missing.');
  return value;
}
