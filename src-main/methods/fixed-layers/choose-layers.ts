/** @file Which layers a fixed pattern changes: whole layers from one end, or in random order, as far as the bytes go. */
import { permutation, RandomStream } from '../../core/random.ts';
import type { LayerPattern } from '../../contract/training.ts';

export interface SizedLayer {
  name: string;
  /** Float32 bytes of its δ; > 0. */
  bytes: number;
}

/**
 * Goes through the layers from the pattern's end and takes each that still fits, so that the sum comes as near to the limit as whole
 * layers in that order can; a layer that is too large is passed over.
 * @param layers in forward order
 * @param limitBytes for the layers together
 * @param seed of the random order: same seed, same layers
 * @returns names in forward order; none when no layer fits
 */
export function chooseLayers(layers: readonly SizedLayer[], pattern: LayerPattern, limitBytes: number, seed: number): string[] {
  const chosen = new Set<string>();
  let left = limitBytes;
  for (const { name, bytes } of inOrder(layers, pattern, seed)) {
    if (bytes > left) continue;
    chosen.add(name);
    left -= bytes;
  }
  return layers.map(({ name }) => name).filter((name) => chosen.has(name));
}

function inOrder(layers: readonly SizedLayer[], pattern: LayerPattern, seed: number): SizedLayer[] {
  switch (pattern) {
    case 'first':
      return [...layers];
    case 'last':
      return layers.toReversed();
    case 'random':
      return [...permutation(layers.length, new RandomStream(seed, 'pattern'))].flatMap((index) => layers[index] ?? []);
  }
}
