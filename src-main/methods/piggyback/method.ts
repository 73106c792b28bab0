/** @file Piggyback masks (Mallya et al., ECCV 2018, arXiv 1801.06519): a task switches single weights of the frozen base off; a bit each. */
import { TapsError } from '../../contract/errors.ts';
import { baseValue } from '../../graph/base-value.ts';
import type { Method } from '../method.ts';
import { layersOf, namedLayers, treatLayers } from '../own-parameters.ts';
import { masking } from './masking.ts';

export const piggyback: Method = {
  id: 'piggyback',
  title: 'Piggyback masks',
  summary: 'Switches single weights of the base off: one bit each.',
  treatments(context) {
    const { base, config } = context;
    if (config.maskInit < config.maskThreshold) {
      throw new TapsError('invalid-config', `Masks start at ${String(config.maskInit)}, below their threshold ${String(config.maskThreshold)}: every weight would be switched off.`, 'Give a --mask-init of at least --mask-threshold.');
    }
    const layers = namedLayers(context) ?? layersOf(base);
    return treatLayers(new Map(layers.map(({ name }) => [name, masking({ weight: baseValue(base, name), init: config.maskInit, threshold: config.maskThreshold })])));
  },
  normalization: 'batch',
};
