/** @file Several runs at once: what is typed, how many runs it makes; settings with several seeds in tables and charts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ComparePoint, RepeatedSetting } from '../../src-main/contract/studio/compare.ts';
import type { JointView } from '../../src-main/contract/studio/joint.ts';
import type { RunView } from '../../src-main/contract/studio/runs.ts';
import type { SweepView } from '../../src-main/contract/studio/sweeps.ts';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import { accuracyRange } from '../../src-renderer/charts/spread.ts';
import { formatMeanBytes, formatMeanPercent } from '../../src-renderer/format/intervals.ts';
import { settingRows, sortRows } from '../../src-renderer/screens/compare/compare-data.ts';
import { candidates, frontRows } from '../../src-renderer/screens/frontier/frontier-data.ts';
import { shareOfSweep, waitingOf } from '../../src-renderer/screens/training/progress.ts';
import { parseNumberList } from '../../src-renderer/screens/tune/number-list.ts';
import { NOTHING_SEVERAL, severalPlan } from '../../src-renderer/screens/tune/several.ts';

const taps = trainConfigSchema.parse({ method: 'taps' });
function point(deltaId: string, validationAccuracy: number | null, bytes: number, change: Partial<ComparePoint> = {}): ComparePoint {
  return {
    deltaId, runId: 'r', taskId: 't', taskName: 'Pets', baseId: 'b', baseName: 'resnet', method: 'taps', testAccuracy: 0.5, validationAccuracy, layersOpen: 1, layersTotal: 3, parameters: 1, bytes,
    fullCopyBytes: 1000, shareOfFullCopy: bytes / 1000, seconds: 1, config: taps, layers: [], pathLevel: null, smaller: null, isCurrent: false, createdAt: Number(deltaId), ...change,
  };
}
const repeated: RepeatedSetting = {
  taskId: 't', deltaIds: ['1', '3'], seeds: [0, 1], test: { mean: 0.5, halfWidth: 0.1, count: 2 }, validation: { mean: 0.7, halfWidth: 0.2, count: 2 }, bytes: { mean: 200, halfWidth: 300, count: 2 },
  worstClass: { name: 'cat', recall: 0.2 },
};
const points = [point('1', 0.6, 100), point('2', 0.65, 900), point('3', 0.8, 300)];

test('numbers with commas, spaces or both; what is named twice is said, what is none too', () => {
  const whole = (value: number): boolean => Number.isInteger(value) && value >= 0;
  assert.deepEqual(parseNumberList(' 0, 1 2;1,0 ', whole), { values: [0, 1, 2], repeated: [1, 0], wrong: null });
  assert.deepEqual(parseNumberList('', whole), { values: [], repeated: [], wrong: null });
  assert.equal(parseNumberList('1, two', whole).wrong, 'two');
  assert.equal(parseNumberList('1, -2', whole).wrong, '-2');
});

test('seeds × λ; λ only where one is given; nothing several is one run', () => {
  assert.equal(severalPlan(NOTHING_SEVERAL, taps), null);
  const plan = severalPlan({ seeds: '0,1,2,2', lambdas: '0.3 1', two: false }, taps);
  assert.deepEqual([plan?.runs, plan?.possible, plan?.seeds.repeated], [6, true, [2]]);
  assert.equal(severalPlan({ ...NOTHING_SEVERAL, lambdas: '1, 2' }, trainConfigSchema.parse({ method: 'linear-probe' })), null);
  assert.equal(severalPlan({ ...NOTHING_SEVERAL, lambdas: '1001' }, taps)?.possible, false);
  assert.equal(severalPlan({ ...NOTHING_SEVERAL, seeds: '1.5' }, taps)?.possible, false);
  const many = Array.from({ length: 60 }, (_value, index) => String(index)).join();
  assert.equal(severalPlan({ seeds: many, lambdas: many, two: false }, taps)?.possible, false);
});

test('results of one setting are one row that has its runs; a setting that is not there as a whole stays as it is', () => {
  const rows = settingRows(points, [repeated]);
  assert.deepEqual(rows.map(({ members }) => members.map(({ deltaId }) => deltaId)), [['1', '3'], ['2']]);
  assert.deepEqual([rows[0]?.point.bytes, rows[0]?.point.testAccuracy, rows[0]?.point.shareOfFullCopy], [200, 0.5, 0.2]);
  assert.deepEqual(sortRows(rows, 'bytes', true).map(({ members }) => members.length), [1, 2]);
  assert.equal(settingRows(points.slice(0, 2), [repeated]).length, 2);
});

test('the frontier compares means, and what is used is the run in use, else the best on validation', () => {
  const [, mean] = candidates(points, [repeated]);
  assert.deepEqual([mean?.deltaId, mean?.accuracy, mean?.bytes], ['3', 0.7, 200]);
  assert.equal(candidates([point('1', 0.6, 100, { isCurrent: true }), ...points.slice(1)], [repeated])[0]?.deltaId, '1');
  assert.deepEqual(frontRows(candidates(points, [repeated])).map(({ point: { bytes } }) => bytes), [200]);
});

test('error bars end where a chart does; intervals in words', () => {
  assert.deepEqual(accuracyRange({ accuracy: 0.9, spread: 0.3 }).map((value) => Number(value.toFixed(3))), [0.6, 1]);
  assert.deepEqual(accuracyRange({ accuracy: 0.9 }), [0.9, 0.9]);
  assert.equal(formatMeanPercent({ mean: 0.833, halfWidth: 0.0123 }).replaceAll('\u00a0', ' '), '83.3% ± 1.2');
  assert.equal(formatMeanPercent({ mean: 0.833, halfWidth: null }), '83.3%');
  assert.equal(formatMeanBytes({ mean: 688_123, halfWidth: 12_000 }).replaceAll('\u00a0', ' '), '688 kB ± 12.0 kB');
});

test('what waits stands in one order; a sweep is as far as its runs are', () => {
  const run = { id: 'a', status: 'queued', position: 1 } as RunView;
  const sweep = { id: 'b', position: 0 } as SweepView;
  assert.deepEqual(waitingOf([run], [sweep, { ...sweep, position: null }], [{ id: 'c', position: 2 } as JointView]).map(({ kind }) => kind), ['sweep', 'run', 'joint']);
  assert.equal(shareOfSweep({ done: 1, total: 4 }, [{ stage: 'training', decoded: null, progress: { step: 1, steps: 2 } as NonNullable<RunView['progress']> }]), 0.375);
});
