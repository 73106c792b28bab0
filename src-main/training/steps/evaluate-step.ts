/** @file Inference with the running statistics: exactly what a stored task computes. Results: logits [N, classes]. */
import type { StepSpec } from '../../engine/types.ts';
import { adaptedWeights, entry, gatedWeights, gateMasks, ownValues, runFeatures, runHead } from './network.ts';
import { baseEntries, learnsBelowHead, deltaName, HEAD_BIAS, HEAD_WEIGHT, partEntries, SCORES, valueName, type TrainPlan } from './plan.ts';
import { pictureFeeds, stepConstants, type StepShape } from './train-step.ts';

export function evaluateStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  const own = [...plan.trained, ...plan.statistics];
  return {
    name: 'evaluate',
    feeds: pictureFeeds(plan, shape),
    reads: [
      ...plan.gated.map(({ name }) => deltaName(name)),
      ...plan.adapted.flatMap((layer) => partEntries(layer).map(([, name]) => name)),
      ...baseEntries(plan),
      ...own.map(({ name }) => valueName(name)),
      HEAD_WEIGHT,
      HEAD_BIAS,
      ...(plan.gated.length > 0 ? [SCORES] : []),
    ],
    writes: [],
    results: ['logits'],
    constants: stepConstants(plan),
    ...(learnsBelowHead(plan) ? {} : { layout: 'nchw' as const }),
    program: ({ feeds, state, constants, layout }) => {
      const effective = new Map([...gatedWeights(plan, gateMasks(plan, state), state), ...adaptedWeights(plan, state), ...ownValues(own, state)]);
      const features = runFeatures({ plan, feeds, effective, constants, layout, normalization: 'running' });
      return { state: {}, results: { logits: runHead(features, entry(state, HEAD_WEIGHT), entry(state, HEAD_BIAS)) } };
    },
  };
}
