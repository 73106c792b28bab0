/** @file Means and intervals against figures from other programs and a simulation. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../src-main/core/random.ts';
import { meanWithInterval, studentT975 } from '../../src-main/core/statistics.ts';

test("quantiles of Student's t as published tables have them", () => {
  for (const [degrees, expected] of [[1, 12.7062], [2, 4.3027], [9, 2.2622], [30, 2.0423], [31, 2.0395], [40, 2.0211], [60, 2.0003], [120, 1.9799], [100_000, 1.96]] as const) {
    assert.ok(Math.abs(studentT975(degrees) - expected) < 1.5e-4, `${String(degrees)}: ${String(studentT975(degrees))}`);
  }
});

test('a worked example, one value, none', () => {
  // Standard deviation 1, three values: 4.3027 / √3.
  const { mean, halfWidth } = meanWithInterval([1, 2, 3]);
  assert.equal(mean, 2);
  assert.ok(Math.abs((halfWidth ?? 0) - 2.48414) < 1e-4);
  assert.deepEqual(meanWithInterval([0.5]), { mean: 0.5, halfWidth: null, count: 1 });
  assert.throws(() => meanWithInterval([]), RangeError);
});

test('the interval of three normal values covers the truth in about 95 of 100 cases', () => {
  const stream = new RandomStream(7, 'split');
  const normal = (): number => Math.sqrt(-2 * Math.log(1 - stream.uniform())) * Math.cos(2 * Math.PI * stream.uniform());
  let covered = 0;
  const rounds = 4000;
  for (let round = 0; round < rounds; round++) {
    const { mean, halfWidth } = meanWithInterval([normal(), normal(), normal()]);
    if (Math.abs(mean) <= (halfWidth ?? 0)) covered++;
  }
  assert.ok(Math.abs(covered / rounds - 0.95) < 0.015, String(covered / rounds));
});
