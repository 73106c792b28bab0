/** @file Units, tables and progress lines as a person reads them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { comparisonTable } from '../../src-main/cli/format/comparison-table.ts';
import { formatFacts, formatTable } from '../../src-main/cli/format/table.ts';
import { formatBytes, formatCount, formatDuration, formatPercent } from '../../src-main/cli/format/units.ts';
import { bar, epochLine, progressLine } from '../../src-main/cli/output/progress.ts';

test('bytes have three digits and never a four-digit number', () => {
  const cases: [number, string][] = [[0, '0 B'], [999, '999 B'], [1000, '1.00 kB'], [9_999, '10.0 kB'], [99_960, '100 kB'], [999_499, '999 kB'], [999_500, '1.00 MB'], [1_587_682, '1.59 MB'], [2.5e13, '25.0 TB'], [5e15, '5000 TB']];
  for (const [bytes, text] of cases) assert.equal(formatBytes(bytes), text);
});

test('percentages, counts and durations', () => {
  assert.equal(formatPercent(0.12345), '12.3 %');
  assert.equal(formatPercent(null), '–');
  assert.equal(formatCount(1_234_567), '1 234 567');
  assert.equal(formatCount(12), '12');
  const durations: [number, string][] = [[0.04, '0.0 s'], [9.94, '9.9 s'], [9.96, '10 s'], [59.4, '59 s'], [59.6, '1:00 min'], [185, '3:05 min'], [7380, '2:03 h']];
  for (const [seconds, text] of durations) assert.equal(formatDuration(seconds), text);
});

test('columns line up, whatever the alphabet', () => {
  const text = formatTable([{ title: 'name', align: 'left' }, { title: 'n', align: 'right' }], [['äöü', '1'], 'rule', ['a', '234']]);
  assert.deepEqual(text.split('\n'), ['name    n', '────  ───', 'äöü     1', '────  ───', 'a     234']);
  assert.equal(formatFacts([['a', '1'], ['long', '2']]), 'a     1\nlong  2');
});

test('a full-fine-tuning total does not pay for the base, the others do', () => {
  const row = { task: 't', testAccuracy: 0.5, layersTuned: 1, layersTotal: 2, parameters: 10, bytes: 100, shareOfFullCopy: 0.5 };
  const text = comparisonTable({
    rows: [{ ...row, method: 'taps' }],
    totals: [
      { method: 'taps', tasks: 1, meanTestAccuracy: 0.5, bytes: 300, withBase: true, bases: 1, derivedBases: [], fullCopiesBytes: 200 },
      { method: 'full-fine-tuning', tasks: 1, meanTestAccuracy: null, bytes: 200, withBase: false, bases: 1, derivedBases: [], fullCopiesBytes: 200 },
    ],
  });
  assert.match(text, /^base \+ 1 task +taps +mean 50\.0 % +300 B +150\.0 %$/m);
  assert.match(text, /^1 task +full-fine-tuning +– +200 B +100\.0 %$/m);
  assert.match(text, /^1 full copy +200 B +100\.0 %$/m);
});

test('progress lines name epoch, step, loss, accuracy, gates, speed and time left', () => {
  const progress = { epoch: 1, epochs: 5, step: 20, steps: 50, loss: 1.2345, accuracy: 0.5, validationAccuracy: 0.4, openLayers: 3, totalLayers: 15, imagesPerSecond: 81.4, etaSeconds: 61, residentBytes: 0 };
  assert.equal(progressLine(progress, true), 'epoch 2/5 · 1:01 min left · loss 1.234 · accuracy 50.0 % · open 3/15 · validation 40.0 % · 81 images/s · step 20/50');
  assert.equal(progressLine({ ...progress, validationAccuracy: null, etaSeconds: null }, false), 'epoch 2/5 · loss 1.234 · accuracy 50.0 % · 81 images/s · step 20/50');
  const metrics = { epoch: 8, trainLoss: 1, trainAccuracy: 0.25, validationLoss: 1, validationAccuracy: 0.5, openLayers: 3, openBytes: 2000, learningRate: 0.1, seconds: 2, scores: [] };
  assert.equal(epochLine(metrics, 10, 15, true), 'epoch  9/10 · loss 1.000 · accuracy 25.0 % · validation 50.0 % · open 3/15 · 2.00 kB · 2.0 s');
  assert.equal(bar(0.5, 4), '[##--]');
  assert.equal(bar(7, 4), '[####]');
});
