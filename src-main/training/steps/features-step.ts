/** @file Features as the training step computes them (normalised as there), without learning anything. */
import type { StepSpec } from '../../engine/types.ts';
import { networkEntries, presentWeights, runFeatures } from './network.ts';
import type { TrainPlan } from './plan.ts';
import { pictureFeeds, stepConstants, type StepShape } from './train-step.ts';

/** Result: features [N, F]. */
export function featuresStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  return {
    name: 'features',
    feeds: pictureFeeds(plan, shape),
    reads: networkEntries(plan),
    writes: [],
    results: ['features'],
    constants: stepConstants(plan),
    program: ({ feeds, state, constants, layout }) => ({
      state: {},
      results: { features: runFeatures({ plan, feeds, effective: presentWeights(plan, state), constants, layout, normalization: plan.normalization }) },
    }),
  };
}
