/**
 * @file The plan of a run whose gates no longer move. Closed layers are the base's: no gradient, no optimiser, and what lies below the
 * lowest layer that learns need not be differentiated at all. Open layers have a δ without a gate, under the same names in the state.
 */
import { plainDelta } from '../../methods/fixed-layers/plain-delta.ts';
import type { AdaptedLayer, TrainPlan } from './plan.ts';

/** @param open one per gated layer of the plan */
export function fixedGatesPlan(plan: TrainPlan, open: readonly boolean[]): TrainPlan {
  const adapted = plan.gated.filter((_, layer) => open[layer] === true).map((parameter): AdaptedLayer => {
    const by = plainDelta(parameter.shape);
    return { parameter, by, start: by.start() };
  });
  return {
    ...plan,
    gated: [],
    adapted: [...plan.adapted, ...adapted].sort((a, b) => a.parameter.nodeIndex - b.parameter.nodeIndex),
    frozen: [...plan.frozen, ...plan.gated.filter((_, layer) => open[layer] !== true)],
  };
}
