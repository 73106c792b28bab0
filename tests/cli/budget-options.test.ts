/** @file Sizes, lists and intervals on the command line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatInterval } from '../../src-main/cli/format/sweep-table.ts';
import { budgetOf, parseBudget, parseBudgets, parseNumbers, parsePoints } from '../../src-main/cli/options/budget-options.ts';

test('sizes: bytes with decimal units, or a share of a full copy', () => {
  for (const [text, bytes] of [['600kB', 600_000], ['1.2 MB', 1_200_000], ['48000', 48_000], ['2GB', 2e9], [' 5 b ', 5]] as const) {
    assert.deepEqual(parseBudget(text), { kind: 'bytes', bytes, bitsPerWeight: 32 });
  }
  assert.deepEqual(parseBudget('3%'), { kind: 'share', share: 0.03, bitsPerWeight: 32 });
  for (const text of ['', 'abc', '10 XB', '0', '-5kB', '0%', '101%', '1e400', '12 %%', 'NaN%']) assert.throws(() => parseBudget(text), `${text} was taken`);
});

test('lists of sizes and numbers; bits need a budget', () => {
  assert.deepEqual(parseBudgets('3%,600kB').map(({ kind }) => kind), ['share', 'bytes']);
  assert.deepEqual(parseNumbers('0.1, 1,1e1'), [0.1, 1, 10]);
  for (const text of ['', '1,', '1,x']) assert.throws(() => parseNumbers(text));
  assert.equal(parsePoints('0.5'), 0.5);
  assert.throws(() => parsePoints('101'));
  assert.equal(budgetOf({}), undefined);
  assert.deepEqual(budgetOf({ budget: parseBudget('5%'), bits: 4 }), { kind: 'share', share: 0.05, bitsPerWeight: 4 });
  // What is made smaller afterwards counts less, unless the person says how much.
  assert.deepEqual(budgetOf({ budget: parseBudget('5%'), encoding: 'auto' }), { kind: 'share', share: 0.05, bitsPerWeight: 2 });
  assert.deepEqual(budgetOf({ budget: parseBudget('5%'), encoding: 'auto', bits: 8 }), { kind: 'share', share: 0.05, bitsPerWeight: 8 });
  assert.deepEqual(budgetOf({ budget: parseBudget('5%'), encoding: 'int8' }), { kind: 'share', share: 0.05, bitsPerWeight: 32 });
  assert.throws(() => budgetOf({ bits: 4 }), /there is no budget/);
});

test('a mean with its interval', () => {
  assert.equal(formatInterval({ mean: 0.8333, halfWidth: 0.0142, count: 3 }), '83.3 ± 1.4 %');
  assert.equal(formatInterval({ mean: 0.8333, halfWidth: null, count: 1 }), '83.3 %');
});
