/** @file Low-rank deltas on every layer (LoRA: Hu et al., ICLR 2022, arXiv 2106.09685); convolution filters as [O, C·kh·kw]. */
import { TapsError } from '../../contract/errors.ts';
import { matrixShape } from '../../core/effective-weight.ts';
import { RandomStream } from '../../core/random.ts';
import type { Method } from '../method.ts';
import { layersOf, namedLayers, treatLayers } from '../own-parameters.ts';
import { lowRankDelta } from './low-rank-delta.ts';

export const lowRank: Method = {
  id: 'low-rank',
  title: 'Low rank',
  summary: 'Adds a product of two thin matrices to every layer.',
  treatments(context) {
    const { base, config } = context;
    const all = layersOf(base);
    const layers = namedLayers(context) ?? all;
    const fullRanks = new Map(layers.map(({ name, shape }) => [name, fullRankOf(shape)]));
    const largest = Math.max(...fullRanks.values());
    if (config.rank > largest) {
      throw new TapsError('invalid-config', `The rank ${String(config.rank)} is larger than any of the ${String(layers.length)} layers, whose ranks are at most ${String(largest)}.`, 'Give a smaller --rank; a few are usually enough.');
    }
    return treatLayers(
      new Map(
        layers.map(({ name, shape }) => {
          const rank = Math.min(config.rank, fullRanks.get(name) ?? 1);
          // The stream belongs to the layer's place in the network, whatever other layers take part.
          const place = all.findIndex((layer) => layer.name === name);
          return [name, lowRankDelta({ shape, rank, scale: config.rankAlpha / rank, stream: () => new RandomStream(config.seed, 'factors', place) })];
        }),
      ),
    );
  },
  normalization: 'batch',
};

function fullRankOf(shape: readonly number[]): number {
  const { rows, columns } = matrixShape(shape);
  return Math.min(rows, columns);
}
