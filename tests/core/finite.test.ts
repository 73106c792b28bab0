/** @file Finite numbers are told from others wherever they are. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { allFinite } from '../../src-main/core/finite.ts';

test('numbers of any size are finite', () => {
  assert.equal(allFinite(Float32Array.of()), true);
  assert.equal(allFinite(Float32Array.of(0, -0, 1e-45, -3.4e38, 3.4e38, 3.4e38)), true);
});

for (const value of [Number.NaN, Infinity, -Infinity]) {
  test(`one ${String(value)} is found at any place`, () => {
    for (const place of [0, 1, 500, 999]) {
      const values = new Float32Array(1000).fill(-2);
      values[place] = value;
      assert.equal(allFinite(values), false, `at ${String(place)}`);
    }
  });
}

test('infinities of both signs do not cancel out', () => {
  assert.equal(allFinite(Float32Array.of(Infinity, -Infinity)), false);
});
