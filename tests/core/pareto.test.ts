/** @file The Pareto front against its definition, the preference against a search, the knapsack against all choices. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { knapsack } from '../../src-main/core/knapsack.ts';
import { chooseByPreference, dominates, hypervolume, paretoFront, scaleOf, summariseFront } from '../../src-main/core/pareto.ts';

const point = fc.record({ bytes: fc.integer({ min: 1, max: 50 }), accuracy: fc.integer({ min: 0, max: 20 }).map((value) => value / 20) });

test('the front is what no point dominates, each value once, by rising bytes', () => {
  fc.assert(
    fc.property(fc.array(point, { maxLength: 40 }), (points) => {
      const front = paretoFront(points);
      const key = (p: { bytes: number; accuracy: number }): string => `${String(p.bytes)} ${String(p.accuracy)}`;
      const expected = new Set(points.filter((p) => !points.some((other) => dominates(other, p))).map(key));
      assert.deepEqual(new Set(front.map(key)), expected);
      assert.equal(front.length, expected.size);
      assert.deepEqual(front, front.toSorted((a, b) => a.bytes - b.bytes));
    }),
  );
});

test('hypervolume: a worked example; more points never take away', () => {
  const e = Math.E;
  const reference = { bytes: e ** 3, accuracy: 0 };
  // From 1 to e at 0.5, from e to e³ at 0.8.
  assert.ok(Math.abs(hypervolume([{ bytes: 1, accuracy: 0.5 }, { bytes: e, accuracy: 0.8 }, { bytes: e * e, accuracy: 0.7 }], reference) - (0.5 + 2 * 0.8)) < 1e-12);
  assert.equal(hypervolume([{ bytes: e ** 4, accuracy: 1 }], reference), 0);
  fc.assert(
    fc.property(fc.array(point), point, (points, more) => {
      const far = { bytes: 100, accuracy: -0.1 };
      assert.ok(hypervolume([...points, more], far) >= hypervolume(points, far) - 1e-12);
    }),
  );
});

test('the summary names the best and what a little accuracy buys', () => {
  const points = [{ bytes: 10, accuracy: 0.5 }, { bytes: 100, accuracy: 0.795 }, { bytes: 200, accuracy: 0.8 }, { bytes: 300, accuracy: 0.8 }];
  const summary = summariseFront(points, [0.5, 30]);
  assert.equal(summary?.best, points[2]);
  assert.deepEqual(summary?.within.map(({ point: { bytes } }) => bytes), [100, 10]);
  assert.equal(summariseFront([]), null);
});

test('the preference runs from the most accurate to the smallest, and reaches a point in a dent of the front', () => {
  const points = [{ bytes: 0, loss: 1 }, { bytes: 6, loss: 0.6 }, { bytes: 10, loss: 0 }];
  const lossOf = ({ loss }: { loss: number }): number => loss;
  const choose = (k: number): { bytes: number } | undefined => chooseByPreference(points, k, scaleOf(points, lossOf), lossOf);
  assert.equal(choose(0), points[2]);
  assert.equal(choose(1), points[0]);
  // (0.6, 0.6) lies above the line between the ends: no weighted sum prefers it.
  for (let k = 0; k <= 100; k++) assert.notEqual(points.toSorted((a, b) => (k * a.bytes) / 1000 + (1 - k / 100) * a.loss - ((k * b.bytes) / 1000 + (1 - k / 100) * b.loss))[0], points[1]);
  assert.equal(choose(0.5), points[1]);
  assert.equal(chooseByPreference(points.slice(0, 0), 0.5, scaleOf(points, lossOf), lossOf), undefined);
});

test('what the preference chooses is on the front, and bytes fall as bytes weigh more', () => {
  fc.assert(
    fc.property(fc.array(point, { minLength: 1, maxLength: 30 }), (points) => {
      const lossOf = ({ accuracy }: { accuracy: number }): number => 1 - accuracy;
      const scale = scaleOf(points, lossOf);
      let bytes = Infinity;
      for (const k of [0.01, 0.2, 0.4, 0.6, 0.8, 0.99]) {
        const chosen = chooseByPreference(points, k, scale, lossOf);
        assert.ok(chosen);
        assert.ok(!points.some((other) => dominates(other, chosen)));
        assert.ok(chosen.bytes <= bytes);
        bytes = chosen.bytes;
      }
    }),
  );
});

test('knapsack: never above the capacity, as good as trying every choice, as full as whole items allow', () => {
  const items = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 60 }), value: fc.integer({ min: 0, max: 9 }) }), { maxLength: 9 });
  fc.assert(
    fc.property(items, fc.integer({ min: 0, max: 200 }), fc.constantFrom(0, 0.5, 0.9), (all, capacity, least) => {
      const measure = (chosen: readonly boolean[]): { bytes: number; value: number } =>
        all.reduce((sum, item, index) => (chosen[index] === true ? { bytes: sum.bytes + item.bytes, value: sum.value + item.value } : sum), { bytes: 0, value: 0 });
      const found = measure(knapsack(all, capacity, least));
      const choices = Array.from({ length: 2 ** all.length }, (_, bits) => measure(all.map((_item, index) => ((bits >> index) & 1) === 1))).filter(({ bytes }) => bytes <= capacity);
      const full = choices.filter(({ bytes }) => bytes >= least * capacity);
      assert.ok(found.bytes <= capacity);
      if (full.length === 0) assert.equal(found.bytes, Math.max(...choices.map(({ bytes }) => bytes)));
      else {
        assert.ok(found.bytes >= least * capacity);
        assert.equal(found.value, Math.max(...full.map(({ value }) => value)));
      }
    }),
  );
});

test('knapsack: sizes of a real network stay within the capacity', () => {
  const items = Array.from({ length: 160 }, (_, index) => ({ bytes: 4096 + ((index * 7919) % 9_000_000), value: ((index * 31) % 97) / 97 }));
  const capacity = 40_000_000;
  const chosen = knapsack(items, capacity, 0.9);
  const bytes = items.reduce((sum, item, index) => sum + (chosen[index] === true ? item.bytes : 0), 0);
  assert.ok(bytes <= capacity && bytes >= 0.9 * capacity, String(bytes));
});
