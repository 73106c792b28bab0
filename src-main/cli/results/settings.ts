/** @file What the small table compares: the embedded base, its sample tasks, and settings that take minutes. */
import type { SweepPlan } from '../../services/sweep-plan.ts';

/** λ of the single runs: many layers, a few, none. */
export const LAMBDAS: readonly number[] = [0.3, 1, 3];
const PATH_LEVELS = 8;
/** Of a full copy: room for a few layers of the embedded base. */
const BUDGET_SHARE = 0.25;
/** Points of validation accuracy that the automatic form may cost. */
export const TOLERANCE = 0.5;

/** One learning rate for all ways to learn: the demonstration's for TAPS and full fine-tuning. */
export function smallPlan(tasks: readonly string[], seeds: readonly number[], epochs: number): SweepPlan {
  return {
    tasks,
    methods: ['full-fine-tuning', 'linear-probe', 'norm-head', 'taps', 'fixed-layers'],
    lambdas: LAMBDAS,
    budgets: [{ kind: 'share', share: BUDGET_SHARE, bitsPerWeight: 32 }],
    path: { sizes: PATH_LEVELS },
    seeds,
    common: { batchSize: 16, learningRate: 0.05, epochs },
  };
}
