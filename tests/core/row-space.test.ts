/** @file Coordinates of rows in their own space: same inner products, and a way back; regressions come out the same in it. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../src-main/core/random.ts';
import { rowSpace } from '../../src-main/core/row-space.ts';
import { softmaxRegression } from '../../src-main/core/softmax-regression.ts';

const [ROWS, WIDTH] = [12, 50];
const stream = new RandomStream(5, 'pattern');
const independent = Float64Array.from({ length: ROWS * WIDTH }, () => stream.uniform() - 0.5);
/** Three rows are sums of others, one is zero. */
const dependent = independent.map((value, index) => {
  const [row, column] = [Math.floor(index / WIDTH), index % WIDTH];
  const of = (other: number): number => independent[other * WIDTH + column] ?? 0;
  return row === 5 ? of(0) + of(1) : row === 8 ? of(2) : row === 9 ? 0 : row === 11 ? of(3) - 2 * of(4) : value;
});

test('inner products stay, coordinates lead back, and dependent rows add no dimension', () => {
  for (const [data, rank] of [[independent, ROWS], [dependent, ROWS - 4], [new Float64Array(ROWS * WIDTH), 0]] as const) {
    const space = rowSpace(data, ROWS, WIDTH);
    assert.equal(space.rank, rank);
    for (let a = 0; a < ROWS; a++) {
      const back = space.expand(space.coordinates.subarray(a * rank, (a + 1) * rank));
      back.forEach((value, column) => { assert.ok(Math.abs(value - (data[a * WIDTH + column] ?? 0)) < 1e-9); });
      for (let b = 0; b < ROWS; b++) {
        const [inner, outer] = [0, 0].map((_, which) => Array.from({ length: which === 0 ? rank : WIDTH }, (__, at) => (which === 0 ? (space.coordinates[a * rank + at] ?? 0) * (space.coordinates[b * rank + at] ?? 0) : (data[a * WIDTH + at] ?? 0) * (data[b * WIDTH + at] ?? 0))).reduce((sum, value) => sum + value, 0));
        assert.ok(Math.abs((inner ?? 0) - (outer ?? 1)) < 1e-9);
      }
    }
  }
});

test('a regression on far more features than rows is the one without the detour', () => {
  const labels = Array.from({ length: ROWS }, (_, row) => row % 3);
  const wide = Float32Array.from(independent);
  // As many copies of every row as make rows no longer few: the same objective, found without the rows' own space.
  const copies = 5;
  const tall = Float32Array.from({ length: copies * wide.length }, (_, index) => wide[index % wide.length] ?? 0);
  const options = { penalty: 0.05, iterations: 3000 };
  const [short, long] = [softmaxRegression(wide, labels, 3, options), softmaxRegression(tall, Array.from({ length: copies }, () => labels).flat(), 3, options)];
  for (const part of ['weight', 'bias'] as const) short[part].forEach((value, index) => { assert.ok(Math.abs(value - (long[part][index] ?? 0)) < 1e-3, `${part} ${String(index)}: ${String(value)} and ${String(long[part][index])}`); });
});

test('nearly done ends early, at nearly the same place', () => {
  const labels = Array.from({ length: ROWS }, (_, row) => row % 3);
  const wide = Float32Array.from(independent);
  const [all, early] = [0, 1e-4].map((tolerance) => softmaxRegression(wide, labels, 3, { penalty: 0.3, iterations: 2000, tolerance }));
  const largest = Math.max(...(all?.weight ?? []).map(Math.abs));
  all?.weight.forEach((value, index) => { assert.ok(Math.abs(value - (early?.weight[index] ?? 0)) < 0.02 * largest); });
});
