/** @file The chart and the document of the small table, from points made up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePath, smallDocument } from '../../src-main/cli/results/markdown.ts';
import type { ResultPoint } from '../../src-main/cli/results/points.ts';
import { scatterSvg } from '../../src-main/cli/results/scatter-svg.ts';

const point = (setting: string, bytes: number, accuracy: number, more: Partial<ResultPoint> = {}): ResultPoint => ({
  task: 'drawings', setting, group: 'TAPS', lambda: null, test: { mean: accuracy, halfWidth: 0.02, count: 3 }, validation: accuracy, bytes, share: bytes / 2e6, layers: 2, seconds: 10, ...more,
});

const POINTS = [
  point('full-fine-tuning', 1_600_000, 0.9, { group: 'full fine-tuning' }),
  point('taps λ 1', 700_000, 0.84),
  point('path, λ 1', 350_000, 0.86, { group: 'TAPS path', lambda: 1, seconds: 15 }),
  point('path, λ 3', 100_000, 0.6, { group: 'TAPS path', lambda: 3, seconds: 15 }),
  point('a < b & "c"', 400_000, 0.5),
];

/** Every opened element is closed, in order. */
function assertWellFormed(svg: string): void {
  const open: string[] = [];
  for (const [, closing, name, self] of svg.matchAll(/<(\/?)(\w+)[^>]*?(\/?)>/g)) {
    if (closing === '/') assert.equal(open.pop(), name);
    else if (self !== '/') open.push(name ?? '');
  }
  assert.deepEqual(open, []);
}

test('the chart is well-formed, names every point, and places more bytes to the right and more accuracy above', () => {
  const svg = scatterSvg('drawings', POINTS.map(({ group, setting, bytes, test: { mean, halfWidth } }) => ({ group, label: setting, bytes, accuracy: mean, halfWidth })));
  assertWellFormed(svg);
  assert.match(svg, /<title>a &lt; b &amp; &quot;c&quot;: 50.0 %, 400 kB<\/title>/);
  assert.doesNotMatch(svg, /NaN|undefined|Infinity/);
  const circle = /<circle cx="([\d.]+)" cy="([\d.]+)" r="5"[^>]*><title>full/.exec(svg);
  const square = /<rect x="([\d.]+)" y="([\d.]+)"[^>]*><title>taps λ 1/.exec(svg);
  assert.ok(circle && square);
  assert.ok(Number(circle[1]) > Number(square[1]) + 5 && Number(circle[2]) < Number(square[2]) + 5);
});

test('the document has a row per point, the front, the command, and the path against runs of the same λ', () => {
  const text = smallDocument({ command: 'npm run results:small', engine: 'an engine', seconds: 100, seeds: [0, 1, 2], testImages: { drawings: 120 }, points: POINTS, charts: { drawings: 'small-drawings.svg' } });
  assert.match(text, /^# .+\n\n```\nnpm run results:small\n```/);
  assert.match(text, /\| taps λ 1 \| 84\.0 ± 2\.0 % \|.*\|  \|\n/);
  assert.match(text, /\| path, λ 1 \| 86\.0 ± 2\.0 % \|.*\| front \|\n/);
  assert.match(text, /\+2\.0 points of test accuracy .* at 0\.50 times the bytes .* 1\.50 times as long/);
  assert.match(smallDocument({ command: 'x', engine: '', seconds: 1, seeds: [0], testImages: {}, points: POINTS, charts: {} }), /no interval can be given/);
});

test('without a run of the same λ there is nothing to compare the path with', () => {
  assert.equal(comparePath(POINTS.filter(({ setting }) => setting !== 'taps λ 1')), null);
  const compared = comparePath(POINTS);
  assert.ok(compared && compared.levels === 1 && Math.abs(compared.accuracy - 0.02) < 1e-12 && Math.abs(compared.log2Bytes + 1) < 1e-12);
});
