/** @file Truncated singular value decomposition: exact where the rank suffices, the best of its rank, the same twice. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RandomStream } from '../../src-main/core/random.ts';
import { truncatedSvd, type LowRankFactors } from '../../src-main/core/truncated-svd.ts';

function product({ left, right, rank }: LowRankFactors, rows: number, columns: number): Float64Array {
  return Float64Array.from({ length: rows * columns }, (_, at) => {
    let sum = 0;
    for (let k = 0; k < rank; k++) sum += (left[Math.floor(at / columns) * rank + k] ?? 0) * (right[k * columns + (at % columns)] ?? 0);
    return sum;
  });
}
const normals = (count: number, seed: number): Float64Array => {
  const stream = new RandomStream(seed, 'factors');
  return Float64Array.from({ length: count }, () => stream.normal());
};
const squared = (values: Float64Array): number => values.reduce((sum, value) => sum + value * value, 0);
const minus = (a: Float64Array, b: Float64Array): Float64Array => a.map((value, index) => value - (b[index] ?? 0));

test('a matrix of known singular values: diagonal entries, falling', () => {
  const matrix = new Float64Array(4 * 6);
  [3, 7, 0.5, 2].forEach((value, index) => { matrix[index * 6 + index] = index === 1 ? -value : value; });
  const factors = truncatedSvd(matrix, 4, 6, 3);
  assert.deepEqual([...factors.singularValues].map((value) => Number(value.toFixed(9))), [7, 3, 2]);
  const expected = matrix.slice();
  expected[2 * 6 + 2] = 0;
  assert.ok(squared(minus(product(factors, 4, 6), expected)) < 1e-18);
});

test('a matrix of rank 3 comes back from rank 3, tall and wide, and from every higher rank', () => {
  for (const [rows, columns] of [[5, 40], [40, 5], [30, 50]] as const) {
    const matrix = product({ left: normals(rows * 3, 1), right: normals(3 * columns, 2), singularValues: new Float64Array(), rank: 3 }, rows, columns);
    for (const rank of [3, 4, 5]) {
      const error = squared(minus(product(truncatedSvd(matrix, rows, columns, rank), rows, columns), matrix));
      assert.ok(error < 1e-20 * squared(matrix), `${String(rows)} × ${String(columns)}, rank ${String(rank)}: ${String(error)}`);
    }
  }
});

test('the error is the energy of the singular values left out (Eckart and Young), also of a flat spectrum', () => {
  const [rows, columns] = [24, 60];
  const matrix = normals(rows * columns, 3);
  const all = truncatedSvd(matrix, rows, columns, rows);
  assert.ok(Math.abs(squared(all.singularValues) - squared(matrix)) < 1e-9 * squared(matrix));
  for (const rank of [1, 4, 12]) {
    const best = squared(all.singularValues.subarray(rank));
    const error = squared(minus(product(truncatedSvd(matrix, rows, columns, rank), rows, columns), matrix));
    assert.ok(error >= best * (1 - 1e-9) && error < 1.02 * best, `rank ${String(rank)}: ${String(error)} against ${String(best)}`);
  }
});

test('zeros give zeros; equal input gives equal bits', () => {
  assert.ok(truncatedSvd(new Float32Array(12), 3, 4, 2).left.every((value) => value === 0));
  const matrix = Float32Array.from(normals(200, 4));
  assert.deepEqual(truncatedSvd(matrix, 10, 20, 4), truncatedSvd(matrix, 10, 20, 4));
});
