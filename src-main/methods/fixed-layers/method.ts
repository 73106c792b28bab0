/**
 * @file Fixed layer patterns: TAPS without its choice. The last, the first or random layers within a limit of bytes, or layers by
 * name, get a δ; normalisation, biases and head are trained as in TAPS. The control that TAPS must beat at equal bytes
 * (Zhang et al., ICME 2022, arXiv 2107.11359, compare such patterns; there the shared part is trained as well, here it is frozen).
 */
import { TapsError } from '../../contract/errors.ts';
import { elementCount } from '../../contract/tensors.ts';
import type { Method, MethodContext } from '../method.ts';
import { layersOf, namedLayers, treatLayers } from '../own-parameters.ts';
import { chooseLayers } from './choose-layers.ts';
import { plainDelta } from './plain-delta.ts';

const BYTES = 4;

export const fixedLayers: Method = {
  id: 'fixed-layers',
  title: 'Fixed layers',
  summary: 'Changes layers that are chosen beforehand: the last, the first, random ones or a list.',
  treatments(context) {
    const chosen = new Set(namedLayers(context)?.map(({ name }) => name) ?? patternLayers(context));
    return treatLayers(new Map(layersOf(context.base).filter(({ name }) => chosen.has(name)).map(({ name, shape }) => [name, plainDelta(shape)])));
  },
  normalization: 'batch',
};

/** @throws TapsError `invalid-config` when the limit allows no layer, or more than the whole network takes */
function patternLayers({ base, config, classes }: MethodContext): string[] {
  const layers = layersOf(base).map(({ name, shape }) => ({ name, bytes: BYTES * elementCount(shape) }));
  const others = base.parameters.filter(({ role }) => role !== 'gated' && role !== 'head' && role !== 'constant');
  const fixedBytes = BYTES * (others.reduce((sum, { shape }) => sum + elementCount(shape), 0) + classes * (base.head.features + 1));
  const copyBytes = layers.reduce((sum, { bytes }) => sum + bytes, fixedBytes);
  const limit = config.patternBytes ?? Math.floor(config.patternShare * copyBytes);
  if (limit > copyBytes) {
    throw new TapsError('invalid-config', `The limit is ${String(limit)} bytes; a whole copy of the network with the task's head takes ${String(copyBytes)}.`, 'Give a smaller limit, or use full fine-tuning.');
  }
  const names = chooseLayers(layers, config.pattern, limit - fixedBytes, config.seed);
  if (names.length === 0) {
    const smallest = Math.min(...layers.map(({ bytes }) => bytes));
    throw new TapsError(
      'invalid-config',
      `No layer fits into ${String(limit)} bytes: normalisation, biases and head take ${String(fixedBytes)}, the smallest layer ${String(smallest)}.`,
      `Allow at least ${String(fixedBytes + smallest)} bytes (${((100 * (fixedBytes + smallest)) / copyBytes).toFixed(1)} % of a copy), or use norm + head.`,
    );
  }
  return names;
}
