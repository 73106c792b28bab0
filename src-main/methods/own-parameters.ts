/** @file What most methods leave to a task besides layers, and which layers they may change. */
import { TapsError } from '../contract/errors.ts';
import type { BaseModel, Parameter } from '../graph/types.ts';
import type { AdaptableParameter, MethodContext, Treatment } from './method.ts';
import type { Reparameterisation } from './reparameterisation.ts';

/** Weights of convolutions and matrix products outside the head, in forward order. */
export function layersOf(base: BaseModel): Parameter[] {
  return base.parameters.filter(({ role }) => role === 'gated').sort((a, b) => a.nodeIndex - b.nodeIndex);
}

/**
 * The layers that a run names in `layers`; null when it names none.
 * @throws TapsError `invalid-config` for a name that is no layer of the base, or named twice
 */
export function namedLayers({ base, config }: MethodContext): Parameter[] | null {
  if (config.layers === null) return null;
  const layers = layersOf(base);
  const known = new Map(layers.map((layer) => [layer.name, layer]));
  const names = new Set<string>();
  for (const name of config.layers) {
    if (!known.has(name)) {
      throw new TapsError('invalid-config', `The base has no layer ${JSON.stringify(name)}.`, `Its ${String(known.size)} layers are ${listed([...known.keys()])}.`, { details: { layers: [...known.keys()] } });
    }
    if (names.has(name)) throw new TapsError('invalid-config', `The layer ${JSON.stringify(name)} is named twice.`, 'Name every layer once.');
    names.add(name);
  }
  return layers.filter(({ name }) => names.has(name));
}

const LISTED = 8;
function listed(names: readonly string[]): string {
  return `${names.slice(0, LISTED).join(', ')}${names.length > LISTED ? ', …' : ''}`;
}

/**
 * Layers as given; other layers stay the base's; everything else is the task's own, as in TAPS (normalisation, biases, embeddings).
 * So methods differ in their layers only.
 */
export function treatLayers(layers: ReadonlyMap<string, Reparameterisation>): (parameter: AdaptableParameter) => Treatment {
  return ({ name, role }) => (role === 'gated' ? (layers.get(name) ?? 'frozen') : 'trained');
}
