/** @file A plan on top of a trunk, and the program of the trunk itself. */
import type { FloatTensor } from '../../contract/tensors.ts';
import type { StepSpec } from '../../engine/types.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { BaseModel, GraphNode } from '../../graph/types.ts';
import { imageInput, runPart, valueOf } from '../../operators/run-graph.ts';
import { asNatural, natural } from '../../operators/value.ts';
import type { TrainPlan } from '../steps/plan.ts';
import type { Trunk, TrunkShape } from './trunk.ts';

/** Whatever the trunk computes with is the base's, even where a part above uses it too. */
export function withTrunk(plan: TrainPlan, trunk: Trunk): TrainPlan {
  const below = inputsOf(trunk.below);
  const isAbove = ({ name }: { name: string }): boolean => !below.has(name);
  const moved = [...plan.gated, ...plan.adapted.map(({ parameter }) => parameter), ...plan.trained, ...plan.statistics].filter(({ name }) => below.has(name));
  return {
    ...plan,
    gated: plan.gated.filter(isAbove),
    adapted: plan.adapted.filter(({ parameter }) => isAbove(parameter)),
    trained: plan.trained.filter(isAbove),
    statistics: plan.statistics.filter(isAbove),
    frozen: [...plan.frozen, ...moved],
    trunk,
  };
}

/** Names that the nodes read. */
export function inputsOf(nodes: readonly GraphNode[]): Set<string> {
  return new Set(nodes.flatMap(({ inputs }) => inputs));
}

/** Pictures [batch, 3, S, S] → result `activations`, [batch, …trunk.value.shape]: inference, which the runtime may fuse in its own layout. */
export function trunkStepSpec(base: BaseModel, trunk: Trunk, { batchSize, imageSize }: TrunkShape): StepSpec {
  const { graph } = base;
  return {
    name: 'trunk',
    feeds: { images: [batchSize, 3, imageSize, imageSize] },
    reads: [],
    writes: [],
    results: ['activations'],
    constants: constantsOf(base, trunk),
    layout: 'nchw',
    program: ({ feeds: { images }, constants, layout }) => {
      if (images === undefined) throw new Error('The trunk was not fed pictures.');
      const values = runPart({
        graph,
        nodes: trunk.below,
        given: new Map([[imageInput(graph), natural(images)]]),
        layout,
        normalization: 'running',
        parameter: (name) => constants[name],
      });
      return { state: {}, results: { activations: asNatural(valueOf(values, trunk.value.name)) } };
    },
  };
}

function constantsOf(base: BaseModel, trunk: Trunk): Record<string, FloatTensor> {
  const used = inputsOf(trunk.below);
  const needed = base.parameters.filter(({ name, role }) => used.has(name) && role !== 'constant' && role !== 'head');
  return Object.fromEntries(needed.map(({ name }) => [name, baseValue(base, name)]));
}
