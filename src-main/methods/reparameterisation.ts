/** @file A layer's weight as a function of the base's weight and of parameters of the task's own, with its derivative and its file form. */
import type { FloatTensor } from '../contract/tensors.ts';
import type { WeightTransform } from '../contract/training.ts';
import type { Tensor } from '../engine/tfjs.ts';

/** What a task stores of a layer. */
export type StoredChange = { kind: 'delta'; delta: FloatTensor } | WeightTransform;

/**
 * Made for one layer. Its parameters are named by part; the optimiser moves every one of them.
 * Tensor functions are called inside an engine's step, whose tidy owns what they return.
 */
export interface Reparameterisation {
  /** Start values by part; at the start the layer's weight is the base's. */
  start(): Record<string, FloatTensor>;
  /** Effective weight, of the base's shape. */
  weight(base: Tensor, parts: Record<string, Tensor>): Tensor;
  /** Gradient of every part, in the order of `start`, from G = dL/dw of the base's shape. */
  gradients(weightGradient: Tensor, base: Tensor, parts: Record<string, Tensor>): Record<string, Tensor>;
  /** What of the parts goes into the task. `core/effective-weight` makes the weight of it. */
  stored(parts: Record<string, FloatTensor>): StoredChange;
  /** Bytes that the stored change takes, without file header. */
  readonly storedBytes: number;
  /** Whether weight decay acts on the parts. */
  readonly decays: boolean;
}

/** A part that a layer must have. */
export function part<T>(parts: Record<string, T>, name: string): T {
  const value = parts[name];
  if (value === undefined) throw new Error(`The layer has no part ${name}.`);
  return value;
}
