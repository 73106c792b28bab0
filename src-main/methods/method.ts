/** @file What an adaptation method is: a rule that says for each parameter of the base how a task treats it. */
import type { MethodId, TrainConfig } from '../contract/training.ts';
import type { BaseModel, Parameter, ParameterRole } from '../graph/types.ts';
import type { Reparameterisation } from './reparameterisation.ts';

/**
 * - `frozen`: the base's value, stored once for all tasks.
 * - `gated`: base + 1[s ≥ τ]·δ, stored only while the gate is open.
 * - `trained`: a value of the task's own, always stored.
 * - a reparameterisation: the layer's weight is a function of the base's and of a few parameters of the task's own.
 */
export type Treatment = 'frozen' | 'gated' | 'trained' | Reparameterisation;

/** Everything but the head (always trained) and constants (never). */
export type AdaptableParameter = Parameter & { role: Exclude<ParameterRole, 'head' | 'constant'> };

export interface MethodContext {
  base: BaseModel;
  config: TrainConfig;
  /** Of the task; ≥ 2. */
  classes: number;
}

export interface Method {
  readonly id: MethodId;
  /** Name in tables and headings. */
  readonly title: string;
  /** One sentence for people who choose. */
  readonly summary: string;
  /**
   * The rule for one run.
   * @throws TapsError `invalid-config` when the settings do not fit the base
   */
  treatments(context: MethodContext): (parameter: AdaptableParameter) => Treatment;
  /** Whether batch normalisation uses the batch's statistics while training (and adapts the running ones). */
  readonly normalization: 'batch' | 'running';
}
