/** @file What further tasks would cost, marks of methods, and settings as text. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { METHODS } from '../../src-main/contract/training.ts';
import { settingWords } from '../../src-renderer/format/setting-words.ts';
import { formatBytes, formatDuration } from '../../src-renderer/format/units.ts';
import { METHOD_MARKS } from '../../src-renderer/parts/method-marks.ts';
import { withProjection, type GrowthEntry } from '../../src-renderer/screens/compare/compare-data.ts';

const one: GrowthEntry = { tasks: 1, copies: 1000, base: 900, deltas: [{ name: 'a', bytes: 100 }] };
const two: GrowthEntry = { tasks: 2, copies: 2000, base: 900, deltas: [{ name: 'a', bytes: 100 }, { name: 'b', bytes: 300 }] };

test('few tasks are carried on to eight at their mean size, and marked as not there; many are left alone', () => {
  const shown = withProjection([one, two]);
  assert.deepEqual(shown.slice(0, 2), [one, two]);
  assert.deepEqual(shown.map(({ tasks }) => tasks), [1, 2, 3, 4, 5, 6, 7, 8]);
  const last = shown.at(-1);
  assert.deepEqual([last?.projected, last?.copies, last?.base, last?.deltas.reduce((sum, { bytes }) => sum + bytes, 0)], [true, 8000, 900, 1600]);
  const many = Array.from({ length: 9 }, (_value, index) => ({ ...two, tasks: index + 1 }));
  assert.deepEqual(withProjection(many), many);
  assert.deepEqual(withProjection([]), []);
});

test('no two methods share a colour or a shape', () => {
  const marks = METHODS.map((method) => METHOD_MARKS[method]);
  assert.equal(new Set(marks.map(({ colour }) => colour)).size, METHODS.length);
  assert.equal(new Set(marks.map(({ shape }) => shape)).size, METHODS.length);
});

test('settings of any kind become text; a number and its unit stay together', () => {
  assert.deepEqual([null, undefined, 0, false, 'sgd', { bytes: 5 }, [1, 2]].map(settingWords), ['–', '–', '0', 'false', 'sgd', '{"bytes":5}', '[1,2]']);
  for (const text of [formatBytes(688_123), formatDuration(185), formatDuration(7900)]) assert.doesNotMatch(text, / /u);
});
