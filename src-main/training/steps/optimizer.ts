/** @file Optimiser updates as tfjs ops. Semantics are PyTorch's, so that the reference implementation can be compared step by step. */
import { tf, type Tensor } from '../../engine/tfjs.ts';
import type { NamedTensors } from '../../engine/types.ts';
import { entry } from './network.ts';
import { momentumName, OPTIMIZER_STEP, SCORES, secondMomentName, undecayedEntries, type TrainPlan } from './plan.ts';

const BETA1 = 0.9;
const BETA2 = 0.999;
const EPSILON = 1e-8;

/**
 * @param gradients one per optimised entry
 * @returns new values of the entries and of the optimiser's own state
 */
export function applyOptimizer(plan: TrainPlan, gradients: Map<string, Tensor>, state: NamedTensors, feeds: NamedTensors): NamedTensors {
  return plan.config.optimizer === 'sgd' ? applySgd(plan, gradients, state, feeds) : applyAdamW(plan, gradients, state, feeds);
}

function rateFor(name: string, feeds: NamedTensors): Tensor {
  return entry(feeds, name === SCORES ? 'scoreLearningRate' : 'learningRate');
}

/** v ← m·v + g (+ decay·p);  p ← p − lr·v (torch.optim.SGD, no dampening, no Nesterov). */
function applySgd(plan: TrainPlan, gradients: Map<string, Tensor>, state: NamedTensors, feeds: NamedTensors): NamedTensors {
  const { momentum, weightDecay } = plan.config;
  const undecayed = undecayedEntries(plan);
  const updated: NamedTensors = {};
  for (const [name, raw] of gradients) {
    const value = entry(state, name);
    const gradient = weightDecay > 0 && !undecayed.has(name) ? tf.add(raw, tf.mul(value, tf.scalar(weightDecay))) : raw;
    const step = momentum > 0 ? tf.add(tf.mul(entry(state, momentumName(name)), tf.scalar(momentum)), gradient) : gradient;
    if (momentum > 0) updated[momentumName(name)] = step;
    updated[name] = tf.sub(value, tf.mul(step, rateFor(name, feeds)));
  }
  return updated;
}

/** Loshchilov and Hutter, ICLR 2019, as torch.optim.AdamW: p ← p·(1 − lr·decay) − lr·m̂/(√v̂ + ε). */
function applyAdamW(plan: TrainPlan, gradients: Map<string, Tensor>, state: NamedTensors, feeds: NamedTensors): NamedTensors {
  const { weightDecay } = plan.config;
  const undecayed = undecayedEntries(plan);
  const step = tf.add(entry(state, OPTIMIZER_STEP), tf.scalar(1));
  const correction = (beta: number): Tensor => tf.sub(tf.scalar(1), tf.exp(tf.mul(step, tf.scalar(Math.log(beta)))));
  const correction1 = correction(BETA1);
  const rootCorrection2 = tf.sqrt(correction(BETA2));
  const updated: NamedTensors = { [OPTIMIZER_STEP]: step };
  for (const [name, gradient] of gradients) {
    const rate = rateFor(name, feeds);
    const value = entry(state, name);
    const first = tf.add(tf.mul(entry(state, momentumName(name)), tf.scalar(BETA1)), tf.mul(gradient, tf.scalar(1 - BETA1)));
    const second = tf.add(tf.mul(entry(state, secondMomentName(name)), tf.scalar(BETA2)), tf.mul(tf.square(gradient), tf.scalar(1 - BETA2)));
    const denominator = tf.add(tf.div(tf.sqrt(second), rootCorrection2), tf.scalar(EPSILON));
    const decayed = weightDecay > 0 && !undecayed.has(name) ? tf.mul(value, tf.sub(tf.scalar(1), tf.mul(rate, tf.scalar(weightDecay)))) : value;
    updated[momentumName(name)] = first;
    updated[secondMomentName(name)] = second;
    updated[name] = tf.sub(decayed, tf.mul(tf.div(rate, correction1), tf.div(first, denominator)));
  }
  return updated;
}
