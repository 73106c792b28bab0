/** @file Which layers a pattern takes within a limit of bytes. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { LAYER_PATTERNS } from '../../src-main/contract/training.ts';
import { chooseLayers, type SizedLayer } from '../../src-main/methods/fixed-layers/choose-layers.ts';

const layers: SizedLayer[] = [
  { name: 'stem', bytes: 10 },
  { name: 'a', bytes: 40 },
  { name: 'b', bytes: 20 },
  { name: 'c', bytes: 80 },
  { name: 'd', bytes: 5 },
];

test('from the last layer, from the first, passing over what does not fit', () => {
  assert.deepEqual(chooseLayers(layers, 'last', 105, 0), ['b', 'c', 'd']);
  assert.deepEqual(chooseLayers(layers, 'last', 60, 0), ['stem', 'b', 'd']);
  assert.deepEqual(chooseLayers(layers, 'first', 50, 0), ['stem', 'a']);
  assert.deepEqual(chooseLayers(layers, 'first', 1000, 0), ['stem', 'a', 'b', 'c', 'd']);
  assert.deepEqual(chooseLayers(layers, 'first', 4, 0), []);
  assert.deepEqual(chooseLayers(layers, 'last', -1, 0), []);
});

test('random layers are those of the seed, and seeds differ', () => {
  const many = Array.from({ length: 20 }, (_, index) => ({ name: String(index), bytes: 1 }));
  const drawn = [0, 1, 2, 3].map((seed) => chooseLayers(many, 'random', 5, seed).join());
  assert.deepEqual(drawn, [0, 1, 2, 3].map((seed) => chooseLayers(many, 'random', 5, seed).join()));
  assert.equal(new Set(drawn).size, 4);
});

test('any pattern: within the limit, in forward order, and no further layer would fit', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 1, max: 1000 }), { minLength: 1, maxLength: 30 }),
      fc.integer({ min: 0, max: 8000 }),
      fc.constantFrom(...LAYER_PATTERNS),
      fc.nat(),
      (sizes, limit, pattern, seed) => {
        const all = sizes.map((bytes, index) => ({ name: String(index), bytes }));
        const chosen = chooseLayers(all, pattern, limit, seed).map(Number);
        assert.deepEqual(chosen, [...chosen].sort((a, b) => a - b));
        const bytes = chosen.reduce((sum, index) => sum + (sizes[index] ?? 0), 0);
        assert.ok(bytes <= limit);
        const others = sizes.filter((_, index) => !chosen.includes(index));
        assert.ok(others.every((size) => bytes + size > limit));
      },
    ),
  );
});
