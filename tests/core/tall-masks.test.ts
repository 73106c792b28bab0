/** @file TALL masks: the worked example, and what must hold for any vectors. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { bitAt } from '../../src-main/core/bits.ts';
import { maskedVector, multiTaskVector, tallMask } from '../../src-main/core/tall-masks.ts';

const TAUS = [
  [0.5, -0.2, 0.1, 0, 0.4, 0.3, -0.6, 0.05],
  [-0.3, -0.4, 0.2, 0.1, 0, 0, 0, 0],
  [0.2, 0.5, 0, -0.15, -0.5, 0.2, -0.1, 0.3],
].map((values) => Float32Array.from(values));
const bitsOf = (mask: Uint8Array, count: number): string => Array.from({ length: count }, (_, index) => (bitAt(mask, index) ? '1' : '0')).join('');

test('worked example at λ = 0.4', () => {
  const shared = multiTaskVector(TAUS);
  assert.deepEqual([...shared].map((value) => Number(value.toFixed(6))), [0.4, -0.1, 0.3, -0.05, -0.1, 0.5, -0.7, 0.35]);
  assert.deepEqual(TAUS.map((tau) => bitsOf(tallMask(tau, shared, 0.4), 8)), ['11101110', '11110000', '11011101']);
  assert.deepEqual([...maskedVector(shared, tallMask(TAUS[1] ?? shared, shared, 0.4))], [...shared.slice(0, 4), 0, 0, 0, 0]);
});

test('one task alone keeps all of its numbers and is itself again; the comparison is strict', () => {
  const values = fc.array(fc.float({ min: -1, max: 1, noNaN: true }), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(values, fc.constantFrom(0.2, 0.3, 0.4, 0.5, 0.6), (numbers, lambda) => {
    const tau = Float32Array.from(numbers, (value) => value + 0);
    const shared = multiTaskVector([tau]);
    const mask = tallMask(tau, shared, lambda);
    tau.forEach((value, index) => { assert.equal(bitAt(mask, index), value !== 0); });
    assert.deepEqual(maskedVector(shared, mask), tau);
  }));
  assert.equal(bitsOf(tallMask(Float32Array.of(0.5), Float32Array.of(1.5), 0.5), 1), '0');
});

test('a larger λ never adds a number', () => {
  const vectors = fc.array(fc.tuple(fc.float({ min: -1, max: 1, noNaN: true }), fc.float({ min: -1, max: 1, noNaN: true })), { minLength: 1, maxLength: 40 });
  fc.assert(fc.property(vectors, (pairs) => {
    const [a, b] = [Float32Array.from(pairs, ([x]) => x), Float32Array.from(pairs, ([, y]) => y)];
    const shared = multiTaskVector([a, b]);
    const [less, more] = [tallMask(a, shared, 0.2), tallMask(a, shared, 0.6)];
    pairs.forEach((_, index) => { assert.ok(!bitAt(more, index) || bitAt(less, index)); });
  }));
});
