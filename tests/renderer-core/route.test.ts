/** @file Addresses of screens. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseRoute } from '../../src-renderer/state/route.ts';
import { shareOf } from '../../src-renderer/screens/training/progress.ts';
import { formatBytes, formatDuration, formatNumber, formatPercent, shortenMiddle } from '../../src-renderer/format/units.ts';

test('every screen has an address; what is unknown or incomplete is the library', () => {
  assert.deepEqual(parseRoute('/task/abc/export'), { screen: 'task', id: 'abc', tab: 'export' });
  assert.deepEqual(parseRoute('/task/abc'), { screen: 'task', id: 'abc', tab: 'result' });
  assert.deepEqual(parseRoute('/run/r1'), { screen: 'run', id: 'r1' });
  assert.deepEqual(parseRoute('compare'), { screen: 'compare' });
  for (const path of ['', '/', '/task', '/run/', '/nowhere/x', 'token=abc', '/%']) assert.deepEqual(parseRoute(path), { screen: 'library' });
});

test('progress is unknown while loading, and that of decoding before it', () => {
  const progress = null;
  assert.equal(shareOf({ stage: 'compiling', progress, decoded: null }), null);
  assert.equal(shareOf({ stage: 'decoding', progress, decoded: { done: 5, total: 20 } }), 0.25);
  assert.equal(shareOf({ stage: 'decoding', progress, decoded: { done: 0, total: 0 } }), null);
});

test('numbers as text', () => {
  // Numbers and units are joined by a space that does not break.
  const plain = (words: string): string => words.replaceAll('\u00a0', ' ');
  assert.deepEqual([0, 999, 999_500, 1_590_000, 94_400_000].map(formatBytes).map(plain), ['0 B', '999 B', '1.00 MB', '1.59 MB', '94.4 MB']);
  assert.deepEqual([5, 65, 3725].map(formatDuration).map(plain), ['5 s', '1 min 05 s', '1 h 02 min']);
  assert.equal(formatDuration(null), '–');
  assert.equal(formatPercent(0.8333), '83.3%');
  assert.deepEqual([0, 0.05, 1234.5, 1e-5, Number.NaN].map(formatNumber), ['0', '0.05', '1230', '1.0e-5', '–']);
  assert.equal(shortenMiddle('abcdefghij', 5), 'ab…ij');
});
