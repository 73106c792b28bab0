/** @file The frontier of a task: what is shown, proposed and summed up; settings in words. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { ComparePoint } from '../../src-main/contract/studio/compare.ts';
import { trainConfigSchema, type MethodId } from '../../src-main/contract/training.ts';
import { nameOf, settingOf } from '../../src-renderer/parts/result-setting.ts';
import { lambdaOf, sortPoints } from '../../src-renderer/screens/compare/compare-data.ts';
import { candidates, frontRows, MOST_ACCURATE, proposalAt, withinLosses, type Candidate } from '../../src-renderer/screens/frontier/frontier-data.ts';
import { stateOfLevel } from '../../src-renderer/screens/training/progress.ts';

let made = 0;
function point(bytes: number, validationAccuracy: number | null, change: Partial<ComparePoint> = {}): ComparePoint {
  const deltaId = `d${String(++made)}`;
  return {
    deltaId, runId: 'r', taskId: 't', taskName: 'Pets', baseId: 'b', baseName: 'resnet', method: 'taps', testAccuracy: 0.1, validationAccuracy, layersOpen: 1, layersTotal: 3, parameters: 1, bytes,
    fullCopyBytes: 1e6, shareOfFullCopy: bytes / 1e6, seconds: 1, config: trainConfigSchema.parse({ method: 'taps' }), layers: [], pathLevel: null, smaller: null, isCurrent: false, createdAt: made, ...change,
  };
}
const listed = fc.array(fc.record({ bytes: fc.integer({ min: 1, max: 10_000_000 }), accuracy: fc.integer({ min: 0, max: 100 }) }), { minLength: 1, maxLength: 15 });
const asCandidates = (values: readonly { bytes: number; accuracy: number }[]): Candidate[] => candidates(values.map(({ bytes, accuracy }) => point(bytes, accuracy / 100)));

test('the ends of the slider are the smallest and the most accurate of the front; moving it towards accuracy never makes a proposal smaller', () => {
  fc.assert(
    fc.property(listed, (values) => {
      const points = asCandidates(values);
      const front = frontRows(points).map(({ point: entry }) => entry);
      assert.equal(proposalAt(points, 0)?.deltaId, front[0]?.deltaId);
      assert.equal(proposalAt(points, MOST_ACCURATE)?.deltaId, front.at(-1)?.deltaId);
      let last = 0;
      for (let position = 0; position <= MOST_ACCURATE; position += 5) {
        const proposal = proposalAt(points, position);
        assert.ok(proposal !== undefined && front.includes(proposal), 'is on the front');
        assert.ok(proposal.bytes >= last);
        last = proposal.bytes;
      }
    }),
  );
});

test('sizes that differ by orders of magnitude are all within reach of the slider', () => {
  const points = asCandidates([{ bytes: 5_000, accuracy: 50 }, { bytes: 50_000, accuracy: 70 }, { bytes: 500_000, accuracy: 85 }, { bytes: 1_600_000, accuracy: 90 }]);
  const reached = new Set(Array.from({ length: MOST_ACCURATE + 1 }, (_, position) => proposalAt(points, position)?.bytes));
  assert.deepEqual([...reached].sort((a, b) => (a ?? 0) - (b ?? 0)), [5_000, 50_000, 500_000, 1_600_000]);
});

test('the table by hand: points below the best, and what half a point, one and two save', () => {
  const points = candidates([point(1000, 0.9), point(400, 0.893), point(390, 0.2), point(100, 0.885), point(2000, 0.895), point(50, null)]);
  assert.deepEqual(frontRows(points).map(({ point: { bytes }, below }) => [bytes, Number(below.toFixed(3))]), [[100, 1.5], [400, 0.7], [1000, 0]]);
  assert.deepEqual(withinLosses(points).map(({ points: loss, point: { bytes } }) => [loss, bytes]), [[0.5, 1000], [1, 400], [2, 100]]);
  assert.equal(points.length, 5, 'what was never measured is left out');
  assert.equal(proposalAt([], 50), undefined);
  assert.deepEqual(withinLosses([]), []);
});

test('the choice looks at validation pictures, never at the test', () => {
  const points = candidates([point(100, 0.9, { testAccuracy: 0.1 }), point(200, 0.8, { testAccuracy: 0.99 })]);
  assert.deepEqual(frontRows(points).map(({ point: { bytes } }) => bytes), [100]);
});

const asked = (method: MethodId, settings: Record<string, unknown> = {}, change: Partial<ComparePoint> = {}): string => settingOf(point(1, 1, { method, config: trainConfigSchema.parse({ method, ...settings }), ...change })).replaceAll('\u00a0', ' ');

test('settings in words, for every way of asking', () => {
  assert.equal(asked('taps', { lambda: 0.3 }), 'λ 0.3');
  assert.equal(asked('taps', { budget: { kind: 'bytes', bytes: 120_000 } }), 'at most 120 kB');
  assert.equal(asked('taps', { budget: { kind: 'share', share: 0.2 } }), 'at most 20.0% of a copy');
  assert.equal(asked('taps', { path: { lambdas: [0.1, 1] } }, { pathLevel: 1 }), 'level 2 of 2, λ 1');
  assert.equal(asked('taps', { path: { sizes: 8 } }, { pathLevel: 1 }), 'level 2 of 8');
  assert.equal(asked('taps', { path: { lambdas: [0.1, 1] }, budget: { kind: 'accuracy', points: 1, reference: 0.8 } }), 'path of 2 levels');
  assert.equal(asked('taps', { lambda: 1 }, { smaller: { encoding: 'auto', tolerance: 0.5 } }), 'λ 1, made smaller within 0.5 points');
  assert.equal(asked('taps', { lambda: 1 }, { smaller: { encoding: 'auto', tolerance: 0.5, mostBytes: 47_000 } }), 'λ 1, made to fit into 47.0 kB');
  assert.equal(asked('full-fine-tuning', {}, { smaller: { encoding: 'int4', tolerance: 0.5 } }), 'stored as 4 bits');
  assert.equal(asked('low-rank', { rank: 4 }), 'rank 4');
  assert.equal(asked('low-rank', { rank: 4, layers: ['a'] }), 'rank 4, 1 named layer');
  assert.equal(asked('fixed-layers', { pattern: 'random', patternShare: 0.1 }), 'random layers, 10.0%');
  assert.equal(asked('linear-probe'), '');
  assert.equal(settingOf(point(1, 1, { config: null })), '');
  assert.equal(nameOf(point(1, 1, { method: 'linear-probe', config: null })), 'Linear probe');
});

test('λ of a level is the level’s; a budget has none, and comes last when sorted', () => {
  const path = point(1, 1, { config: trainConfigSchema.parse({ method: 'taps', path: { lambdas: [0.1, 7] } }), pathLevel: 1 });
  const budget = point(1, 1, { config: trainConfigSchema.parse({ method: 'taps', budget: { kind: 'share', share: 0.2 } }) });
  assert.equal(lambdaOf(path), 7);
  assert.equal(lambdaOf(budget), null);
  assert.deepEqual(sortPoints([budget, path, point(1, 1)], 'lambda', false).map(lambdaOf), [1, 7, null]);
});

test('levels of a path wait, are learnt, are done', () => {
  const level = { from: 4, to: 6 };
  assert.deepEqual([3, 4, 5, 6, 9].map((done) => stateOfLevel(level, done, false)), ['waiting', 'now', 'now', 'done', 'done']);
  assert.equal(stateOfLevel(level, 5, true), 'waiting', 'a run that ended early has not learnt it');
});
