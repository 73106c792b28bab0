/** @file What an adaptation method is: a rule that says for each parameter of the base how a task treats it. */
import type { MethodId } from '../contract/training.ts';
import type { ParameterRole } from '../graph/types.ts';

/**
 * - `frozen`: the base's value, stored once for all tasks.
 * - `gated`: base + 1[s ≥ τ]·δ, stored only while the gate is open.
 * - `trained`: a value of the task's own, always stored.
 */
export type Treatment = 'frozen' | 'gated' | 'trained';

export interface Method {
  readonly id: MethodId;
  /** Name in tables and headings. */
  readonly title: string;
  /** One sentence for people who choose. */
  readonly summary: string;
  /** Rule for everything but the head (always trained) and constants (never). */
  treatment(role: Exclude<ParameterRole, 'head' | 'constant'>): Treatment;
  /** Whether batch normalisation uses the batch's statistics while training (and adapts the running ones). */
  readonly normalization: 'batch' | 'running';
}
