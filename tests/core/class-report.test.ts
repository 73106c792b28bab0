/** @file Precision, recall and F1 from a confusion matrix. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { classScores } from '../../src-main/core/class-report.ts';

test('a worked example: three classes, one never predicted, one never there', () => {
  const scores = classScores([
    [6, 2, 0],
    [3, 9, 0],
    [0, 0, 0],
  ]);
  assert.deepEqual(scores[0], { images: 8, precision: 6 / 9, recall: 6 / 8, f1: (2 * (6 / 9) * (6 / 8)) / (6 / 9 + 6 / 8) });
  assert.deepEqual(scores[1], { images: 12, precision: 9 / 11, recall: 9 / 12, f1: (2 * (9 / 11) * 0.75) / (9 / 11 + 0.75) });
  assert.deepEqual(scores[2], { images: 0, precision: null, recall: null, f1: null });
  assert.deepEqual(classScores([[0, 4], [4, 0]]).map(({ f1 }) => f1), [0, 0]);
  assert.deepEqual(classScores([]), []);
});

test('whatever the counts: shares lie in 0..1, F1 between the two, recall weighted by images is the accuracy', () => {
  const matrix = fc.integer({ min: 1, max: 6 }).chain((n) => fc.array(fc.array(fc.nat(50), { minLength: n, maxLength: n }), { minLength: n, maxLength: n }));
  fc.assert(
    fc.property(matrix, (confusion) => {
      const scores = classScores(confusion);
      const images = confusion.flat().reduce((a, b) => a + b, 0);
      const hits = confusion.reduce((total, row, label) => total + (row[label] ?? 0), 0);
      for (const { precision, recall, f1 } of scores) {
        for (const share of [precision, recall, f1]) assert.ok(share === null || (share >= 0 && share <= 1));
        if (precision !== null && recall !== null && f1 !== null) assert.ok(f1 <= Math.max(precision, recall) + 1e-12 && f1 >= Math.min(precision, recall) - 1e-12 || f1 === 0);
      }
      const weighted = scores.reduce((total, { recall, images: own }) => total + (recall ?? 0) * own, 0);
      assert.ok(Math.abs(weighted - hits) < 1e-6 * Math.max(1, images));
    }),
  );
});
