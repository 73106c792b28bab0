/**
 * @file Modulators (RCM: Kanakis et al., ECCV 2020, arXiv 2007.12540): a 1 × 1 convolution of the task's own after each frozen one,
 * folded into it. Costs O² numbers for O·C·k² weights, so it is for convolutions where that is less; see `isWorthwhile`.
 */
import { TapsError } from '../../contract/errors.ts';
import { matrixShape } from '../../core/effective-weight.ts';
import type { BaseModel, Parameter } from '../../graph/types.ts';
import type { Method, MethodContext } from '../method.ts';
import { layersOf, namedLayers, treatLayers } from '../own-parameters.ts';
import { modulation } from './modulation.ts';

export const modulator: Method = {
  id: 'modulator',
  title: 'Modulators',
  summary: 'Recombines the output channels of every larger convolution.',
  treatments(context) {
    return treatLayers(new Map(modulatedLayers(context).map(({ name, shape }) => [name, modulation(shape)])));
  },
  normalization: 'batch',
};

/** @throws TapsError `invalid-config` when a named layer cannot have a modulator, or when no layer is worth one */
function modulatedLayers(context: MethodContext): Parameter[] {
  const { base } = context;
  const named = namedLayers(context);
  const impossible = named?.find((layer) => !isPossible(base, layer));
  if (impossible !== undefined) {
    throw new TapsError('invalid-config', `The layer ${impossible.name} [${impossible.shape.join(', ')}] of ${impossible.nodeOp} cannot have a modulator.`, 'Name convolutions with one group only.');
  }
  const layers = named ?? layersOf(base).filter((layer) => isPossible(base, layer) && isWorthwhile(layer));
  if (layers.length === 0) {
    throw new TapsError('invalid-config', 'The base has no convolution larger than 1 × 1 whose modulator would be smaller than its weights.', 'Use low-rank changes, or name layers with --layers.');
  }
  return layers;
}

/** A convolution of all channels: with groups, a 1 × 1 convolution after it is no convolution of the same kind any more. */
function isPossible({ graph }: BaseModel, { nodeOp, nodeIndex, shape }: Parameter): boolean {
  const group = graph.nodes[nodeIndex]?.attributes['group'];
  return nodeOp === 'Conv' && shape.length === 4 && (group?.kind !== 'int' || group.value === 1);
}

/** Larger than 1 × 1, and O² < O·C·kh·kw. */
function isWorthwhile({ shape }: Parameter): boolean {
  const { rows, columns } = matrixShape(shape);
  const [, , height = 1, width = 1] = shape;
  return height * width > 1 && rows < columns;
}
