/** @file The chart and the document of the small table, from points made up. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparePath, resultsDocument } from '../../src-main/cli/results/markdown.ts';
import type { ResultPoint } from '../../src-main/cli/results/points.ts';
import { scatterSvg } from '../../src-main/cli/results/scatter-svg.ts';

const point = (setting: string, bytes: number, accuracy: number, more: Partial<ResultPoint> = {}): ResultPoint => ({
  task: 'drawings', setting, group: 'TAPS', pathLevel: null, lambda: null, test: { mean: accuracy, halfWidth: 0.02, count: 3 }, bySeed: new Map([[0, accuracy - 0.01], [1, accuracy + 0.01]]), validation: accuracy, bytes, share: bytes / 2e6, layers: 2, seconds: 10, ...more,
});

const POINTS = [
  point('full-fine-tuning', 1_600_000, 0.9, { group: 'full fine-tuning' }),
  point('taps λ 1', 700_000, 0.84),
  point('path, λ 0.5', 720_000, 0.88, { group: 'TAPS path', pathLevel: 0, lambda: 0.5, seconds: 15 }),
  point('path, λ 1', 350_000, 0.86, { group: 'TAPS path', pathLevel: 1, lambda: 1, seconds: 15 }),
  point('path, λ 3', 100_000, 0.6, { group: 'TAPS path', pathLevel: 2, lambda: 3, seconds: 15 }),
  point('a < b & "c"', 400_000, 0.5, { group: 'probe, norm' }),
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

test('the document has a row per point, the front, the command, and the path against runs of the same size', () => {
  const text = resultsDocument({ title: 'A table', about: 'A base on a task.', commands: ['npm run results:small'], engine: 'an engine', seconds: 100, seeds: [0, 1, 2], pictures: { drawings: { train: 200, validation: 40, test: 120 } }, points: POINTS, charts: { drawings: 'small-drawings.svg' } });
  assert.match(text, /^# .+\n\n```\nnpm run results:small\n```/);
  assert.match(text, /\| taps λ 1 \| 84\.0 ± 2\.0 % \| 3 \|.*\|  \|\n/);
  assert.match(text, /\| path, λ 1 \| 86\.0 ± 2\.0 % \|.*\| front \|\n/);
  assert.match(text, /of the 1 independent TAPS runs .* \+3\.9 points of test accuracy .* 1\.50 times as long/);
  const two = resultsDocument({ title: '', about: '', commands: ['x'], engine: '', seconds: 1, seeds: [0], pictures: {}, points: [...POINTS, point('full-fine-tuning', 1_600_000, 0.8, { task: 'emoji', bySeed: new Map([[0, 0.79], [1, 0.81], [2, 0.9]]) }), point('taps λ 1', 300_000, 0.77, { task: 'emoji' })], charts: {} });
  assert.match(two, /\| taps λ 1 \| 2 \| 2 \| 80\.5 ± 12\.7 % \| −4\.5 points ± 0\.0 \| −6\.0 points \(drawings\) \| 25\.0 % \|/);
  assert.doesNotMatch(text, /Over the tasks/);
  assert.match(resultsDocument({ title: '', about: '', commands: ['x'], engine: '', seconds: 1, seeds: [0], pictures: {}, points: POINTS, charts: {} }), /no interval can be given/);
});

test('the path is read between its levels at the size of a run; runs beyond its sizes are left out', () => {
  const [low, high] = [point('path, λ 3', 100_000, 0.6, { pathLevel: 1, lambda: 3, seconds: 30 }), point('path, λ 1', 400_000, 0.8, { pathLevel: 0, seconds: 30 })];
  // 200 kB is half-way between 100 and 400 kB in the logarithm.
  const within = comparePath([low, high, point('taps λ 1', 200_000, 0.65)]);
  assert.ok(within && within.runs === 1 && Math.abs(within.accuracy - 0.05) < 1e-12 && within.cost === 3);
  const ends = comparePath([low, high, point('taps λ 9', 99_000, 0.6), point('taps λ 0.1', 410_000, 0.8)]);
  assert.ok(ends && ends.runs === 2 && Math.abs(ends.accuracy) < 1e-12);
  assert.equal(comparePath([low, high, point('taps λ 9', 50_000, 0.6), point('taps λ 0.1', 900_000, 0.8), point('full-fine-tuning', 200_000, 0.6, { group: 'full fine-tuning' }), point('taps λ 1, compressed', 200_000, 0.6, { group: 'compressed' })]), null);
  assert.equal(comparePath([point('taps λ 1', 200_000, 0.65)]), null);
});
