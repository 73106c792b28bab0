/** @file Features as the training step computes them (normalised as there), without learning anything. */
import type { StepSpec } from '../../engine/types.ts';
import { adaptedWeights, gatedWeights, gateMasks, ownValues, runFeatures } from './network.ts';
import { baseEntries, deltaName, partEntries, SCORES, valueName, type TrainPlan } from './plan.ts';
import { pictureFeeds, stepConstants, type StepShape } from './train-step.ts';

/** Result: features [N, F]. */
export function featuresStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  const own = [...plan.trained, ...plan.statistics];
  return {
    name: 'features',
    feeds: pictureFeeds(plan, shape),
    reads: [
      ...plan.gated.map(({ name }) => deltaName(name)),
      ...plan.adapted.flatMap((layer) => partEntries(layer).map(([, name]) => name)),
      ...baseEntries(plan),
      ...own.map(({ name }) => valueName(name)),
      ...(plan.gated.length > 0 ? [SCORES] : []),
    ],
    writes: [],
    results: ['features'],
    constants: stepConstants(plan),
    program: ({ feeds, state, constants, layout }) => {
      const effective = new Map([...gatedWeights(plan, gateMasks(plan, state), state), ...adaptedWeights(plan, state), ...ownValues(own, state)]);
      return { state: {}, results: { features: runFeatures({ plan, feeds, effective, constants, layout, normalization: plan.normalization }) } };
    },
  };
}
