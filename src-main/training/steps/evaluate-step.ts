/** @file Inference with the running statistics: exactly what a stored task computes. Results: logits [N, classes]. */
import type { StepSpec } from '../../engine/types.ts';
import { entry, networkEntries, presentWeights, runFeatures, runHead } from './network.ts';
import { HEAD_BIAS, HEAD_WEIGHT, learnsBelowHead, type TrainPlan } from './plan.ts';
import { pictureFeeds, stepConstants, type StepShape } from './train-step.ts';

export function evaluateStepSpec(plan: TrainPlan, shape: StepShape): StepSpec {
  return {
    name: 'evaluate',
    feeds: pictureFeeds(plan, shape),
    reads: [...networkEntries(plan), HEAD_WEIGHT, HEAD_BIAS],
    writes: [],
    results: ['logits'],
    constants: stepConstants(plan),
    ...(learnsBelowHead(plan) ? {} : { layout: 'nchw' as const }),
    program: ({ feeds, state, constants, layout }) => {
      const features = runFeatures({ plan, feeds, effective: presentWeights(plan, state), constants, layout, normalization: 'running' });
      return { state: {}, results: { logits: runHead(features, entry(state, HEAD_WEIGHT), entry(state, HEAD_BIAS)) } };
    },
  };
}
