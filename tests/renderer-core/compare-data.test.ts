/** @file Arithmetic of the Compare screen and of its charts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ComparePoint } from '../../src-main/contract/studio/compare.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { paretoFront } from '../../src-renderer/charts/pareto.ts';
import { linearTicks, logTicks } from '../../src-renderer/charts/ticks.ts';
import { toCsv } from '../../src-renderer/format/csv.ts';
import { growth, headline, layerDifferences, layerMaps, representatives, settingDifferences, sortPoints } from '../../src-renderer/screens/compare/compare-data.ts';

const LAYERS = [{ name: 'a', parameters: 10 }, { name: 'b', parameters: 20 }, { name: 'c', parameters: 30 }];
function point(taskName: string, change: Partial<ComparePoint> & { openNames?: string[] } = {}): ComparePoint {
  const { openNames = ['a'], ...rest } = change;
  return {
    deltaId: `${taskName}-${rest.method ?? 'taps'}`, runId: 'r', taskId: taskName, taskName, baseId: 'base', baseName: 'resnet', method: 'taps', testAccuracy: 0.8, validationAccuracy: 0.8,
    layersOpen: openNames.length, layersTotal: 3, parameters: 1, bytes: 100, fullCopyBytes: 1000, shareOfFullCopy: 0.1, seconds: 1, config: trainConfigSchema.parse({ method: 'taps' }),
    layers: LAYERS.map((layer) => ({ ...layer, score: openNames.includes(layer.name) ? 0.2 : 0, open: openNames.includes(layer.name) })), pathLevel: null, smaller: null, isCurrent: true, createdAt: 1, ...rest,
  };
}
const BASES = [{ id: 'base', name: 'resnet', bytes: 950, layers: LAYERS }, { id: 'other', name: 'vit', bytes: 5000, layers: LAYERS }];

test('the Pareto front is exactly what nothing dominates', () => {
  assert.deepEqual(paretoFront([]), []);
  assert.deepEqual(paretoFront([{ accuracy: 0.5, bytes: 10 }, { accuracy: 0.5, bytes: 10 }, { accuracy: 0.4, bytes: 20 }, { accuracy: 0.9, bytes: 30 }]), [0, 3]);
  const tradeoff = fc.record({ accuracy: fc.integer({ min: 0, max: 5 }), bytes: fc.integer({ min: 0, max: 5 }) });
  fc.assert(
    fc.property(fc.array(tradeoff, { maxLength: 12 }), (points) => {
      const front = new Set(paretoFront(points));
      points.forEach((mine, index) => {
        const dominated = points.some((other, at) => other.accuracy >= mine.accuracy && other.bytes <= mine.bytes && (other.accuracy > mine.accuracy || other.bytes < mine.bytes || at < index));
        assert.equal(front.has(index), !dominated);
      });
    }),
  );
});

test('ticks are round, inside, and not too many', () => {
  assert.deepEqual(linearTicks(0, 1, 5), [0, 0.2, 0.4, 0.6, 0.8, 1].slice(0, 6));
  assert.deepEqual(linearTicks(0.55, 0.95, 4), [0.6, 0.7, 0.8, 0.9]);
  assert.deepEqual(logTicks(1000, 2_000_000), [1e3, 1e4, 1e5, 1e6]);
  assert.deepEqual(logTicks(300, 3000), [500, 1000, 2000]);
  fc.assert(fc.property(fc.double({ min: 1, max: 1e9, noNaN: true }), fc.double({ min: 1.01, max: 1e6, noNaN: true }), (low, factor) => logTicks(low, low * factor).every((tick) => tick >= low * 0.999 && tick <= low * factor * 1.001)));
  assert.deepEqual(linearTicks(1, 1, 5), [1]);
});

test('a task is represented once: by the result it shows, else the newest that is left', () => {
  const old = point('b', { deltaId: 'old', isCurrent: false, createdAt: 1 });
  const fresh = point('b', { deltaId: 'new', isCurrent: false, createdAt: 2 });
  assert.deepEqual(representatives([old, fresh, point('a')]).map(({ deltaId }) => deltaId), ['a-taps', 'new']);
  assert.deepEqual(representatives([point('b', { deltaId: 'shown' }), fresh]).map(({ deltaId }) => deltaId), ['shown']);
});

test('growth counts a base once, the headline by hand: 950 + 100 + 200 against 2000', () => {
  const chosen = [point('a'), point('b', { bytes: 200 })];
  assert.deepEqual(growth(chosen, BASES).map(({ copies, base, deltas }) => [copies, base, deltas.length]), [[1000, 950, 1], [2000, 950, 2]]);
  const full = [point('a', { method: 'full-fine-tuning', testAccuracy: 0.85 }), point('b', { method: 'full-fine-tuning', testAccuracy: 0.81 })];
  const facts = headline(chosen, [...chosen, ...full], BASES);
  assert.equal(facts?.bytes, 1250);
  assert.equal(facts.saved, 1 - 1250 / 2000);
  assert.ok(Math.abs((facts.accuracyDifference ?? 0) + 0.03) < 1e-12);
  assert.equal(headline(chosen, chosen, BASES)?.accuracyDifference, null);
  assert.equal(headline([], [], BASES), null);
});

test('overlap: {a,b} and {b,c} share one of three; layers changed by several are counted', () => {
  const [map] = layerMaps([point('x', { openNames: ['a', 'b'] }), point('y', { openNames: ['b', 'c'] })], BASES);
  assert.equal(map?.overlap, 1 / 3);
  assert.equal(map.shared, 1);
  assert.deepEqual(map.open, [[true, false], [true, true], [false, true]]);
  assert.equal(layerMaps([point('x')], BASES)[0]?.overlap, null);
});

test('differences of two results are what differs and nothing else', () => {
  const one = point('x', { openNames: ['a', 'b'] });
  const other = point('y', { openNames: ['b', 'c'], config: trainConfigSchema.parse({ method: 'taps', lambda: 3, seed: 7 }) });
  assert.deepEqual(settingDifferences(one, other), [{ name: 'lambda', left: '1', right: '3' }, { name: 'seed', left: '0', right: '7' }]);
  assert.deepEqual(layerDifferences(one, other), { onlyLeft: ['a'], onlyRight: ['c'], both: 1 });
  assert.deepEqual(settingDifferences(one, one), []);
});

test('sorting puts unknown values last both ways', () => {
  const points = [point('a', { testAccuracy: null }), point('b', { testAccuracy: 0.5 }), point('c', { testAccuracy: 0.9 })];
  const names = (descending: boolean): string[] => sortPoints(points, 'testAccuracy', descending).map(({ taskName }) => taskName);
  assert.deepEqual(names(false), ['b', 'c', 'a']);
  assert.deepEqual(names(true), ['c', 'b', 'a']);
});

test('CSV quotes what RFC 4180 says and disarms formulas', () => {
  assert.equal(toCsv([['task', 'bytes'], ['a "b", c', 5], ['=cmd|x', null], ['-1', -1]]), 'task,bytes\r\n"a ""b"", c",5\r\n\'=cmd|x,\r\n\'-1,-1\r\n');
});
