/** @file The choice of forms: within its limit, never worse than what multipliers can reach, checked against all combinations. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { meanDivergence } from '../../src-main/core/divergence.ts';
import { chooseForms, type RatedOption } from '../../src-main/trainer/compress/choose-forms.ts';

const EXACT: RatedOption = { bytes: 1000, divergence: 0 };
const part = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 999 }), divergence: fc.double({ min: 1e-6, max: 1, noNaN: true }) }), { maxLength: 4 }).map((options): RatedOption[] => [EXACT, ...options]);
const total = (parts: RatedOption[][], choice: readonly number[], of: keyof RatedOption): number => parts.reduce((sum, options, index) => sum + (options[choice[index] ?? 0]?.[of] ?? 0), 0);

function combinations(parts: RatedOption[][]): number[][] {
  return parts.reduce<number[][]>((all, options) => all.flatMap((choice) => options.map((_, position) => [...choice, position])), [[]]);
}

test('the sum stays within the limit, and nothing with at most its divergence takes fewer bytes', () => {
  fc.assert(fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), fc.double({ min: 0, max: 2, noNaN: true }), (parts, limit) => {
    const choice = chooseForms(parts, limit);
    const divergence = total(parts, choice, 'divergence');
    assert.ok(divergence <= limit);
    // Everett's theorem: what a multiplier gives is optimal for the divergence that it reaches.
    const best = Math.min(...combinations(parts).filter((other) => total(parts, other, 'divergence') <= divergence).map((other) => total(parts, other, 'bytes')));
    assert.ok(total(parts, choice, 'bytes') <= best + 1e-9);
  }), { numRuns: 300 });
});

test('no limit takes the fewest bytes; a limit of 0 changes nothing', () => {
  const parts: RatedOption[][] = [[EXACT, { bytes: 10, divergence: 5 }, { bytes: 20, divergence: 1 }], [EXACT, { bytes: 500, divergence: 0.5 }]];
  assert.deepEqual(chooseForms(parts, Infinity), [1, 1]);
  assert.deepEqual(chooseForms(parts, 0), [0, 0]);
  assert.deepEqual(chooseForms(parts, 1.5), [2, 1]);
});

test('divergence: 0 for equal answers and for shifted logits, a known value otherwise, never negative', () => {
  const logits = Float32Array.of(1, 2, 3, -1, 0, 5);
  assert.equal(meanDivergence(logits, logits, 3), 0);
  assert.ok(Math.abs(meanDivergence(logits, logits.map((value) => value + 8), 3)) < 1e-12);
  // p = (1/2, 1/2), q = (3/4, 1/4): ½·ln(2/3) + ½·ln 2.
  assert.ok(Math.abs(meanDivergence(Float32Array.of(0, 0), Float32Array.of(Math.log(3), 0), 2) - (0.5 * Math.log(2 / 3) + 0.5 * Math.log(2))) < 1e-7);
  assert.equal(meanDivergence(logits, logits.with(4, Number.NaN), 3), Infinity, 'answers that are no numbers are as far as can be');
  fc.assert(fc.property(fc.array(fc.float({ min: -50, max: 50, noNaN: true }), { minLength: 6, maxLength: 6 }), (values) => {
    assert.ok(meanDivergence(logits, Float32Array.from(values), 3) >= -1e-12);
  }));
});
