/** @file Smaller forms by commands: made, compared, used like any other result, handed on, verified; masks for comparison; wrong options. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { DeltaRecord } from '../../src-main/contract/records.ts';
import type { Comparison } from '../../src-main/services/compare-tasks.ts';
import type { CompressTaskOutcome } from '../../src-main/services/compress-task.ts';
import type { TallMasksOutcome } from '../../src-main/services/tall-masks.ts';
import { BASE_FILE, DRAWINGS, taps, temporaryFolder, type Outcome } from './run-taps.ts';

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.code, 0, outcome.err);
  return outcome;
}

test('from a learnt task to a smaller one', async (t) => {
  const folder = temporaryFolder(t);
  const at = ['--library', join(folder, 'library')];
  const pictures = join(folder, 'pictures');
  for (const split of ['train', 'test']) {
    for (const name of readdirSync(join(DRAWINGS, split)).sort().slice(0, 3)) {
      for (const file of readdirSync(join(DRAWINGS, split, name)).sort().slice(0, 12)) cpSync(join(DRAWINGS, split, name, file), join(pictures, split, name, file));
    }
  }
  succeeded(await taps('base', 'import', BASE_FILE, '--name', 'small', ...at));
  succeeded(await taps('task', 'add', 'things', '--base', 'small', '--images', pictures, '--validation', '25%', ...at));
  const quick = ['--batch', '8', '--threads', '1', '--augmentation', 'none', '--epochs', '2'];
  const trained = succeeded(await taps('train', 'things', '--method', 'full', ...quick, '--encoding', 'float16', '--json', ...at)).json as { delta: DeltaRecord; smaller: DeltaRecord };
  assert.equal(trained.smaller.derivedFrom, trained.delta.id);
  assert.ok(trained.smaller.blob.bytes < 0.6 * trained.delta.blob.bytes && trained.smaller.compression?.encoding === 'float16');

  await t.test('the smaller result stands beside the learnt one and says what it is', async () => {
    const { from, delta, report, fullCopyBytes } = succeeded(await taps('compress', 'things', '--threads', '1', '--json', ...at)).json as CompressTaskOutcome;
    assert.equal(from.id, trained.delta.id, 'made of what was learnt, not of its float16 form');
    assert.equal(delta.blob.bytes, report.bytesAfter);
    assert.ok(report.bytesAfter < 0.25 * report.bytesBefore && report.bytesAfter < 0.25 * fullCopyBytes);
    assert.ok(report.validationAfter.accuracy >= report.validationBefore.accuracy - 0.005);
    assert.ok(report.parts.some(({ part }) => part === 'head') && report.parts.length === 17);
    const { rows, totals } = succeeded(await taps('compare', '--json', ...at)).json as Comparison;
    assert.deepEqual(rows.map(({ method, encoding, bytes }) => [method, encoding, bytes]), [['full-fine-tuning', undefined, from.blob.bytes], ['full-fine-tuning', 'auto', delta.blob.bytes]]);
    assert.deepEqual(totals.map(({ withBase, encoded }) => [withBase, encoded]), [[false, undefined], [true, true]]);
    const shown = succeeded(await taps('compress', 'things', '--form', 'sign', '--threads', '1', ...at)).out;
    assert.match(shown, /^Stored things \(full\) in [\d.]+ kB instead of [\d.]+ MB: \d\.\d % of a full copy\nTest accuracy /);
    assert.match(shown, /^layer1\.0\.a\.conv\.weight +sign +5 184 /m);
  });

  await t.test('it predicts, exports with proof, is packed, read by another library and verified like any other', async () => {
    const picture = join(pictures, 'test', readdirSync(join(pictures, 'test')).sort()[0] ?? '');
    succeeded(await taps('predict', 'things', join(picture, readdirSync(picture)[0] ?? ''), ...at));
    succeeded(await taps('export', 'things', '--out', join(folder, 'things.onnx'), ...at));
    const packed = join(folder, 'things.taps');
    succeeded(await taps('task', 'pack', 'things', packed, ...at));
    assert.ok(statSync(packed).size < 100_000, 'the smaller one is the current result');
    succeeded(await taps('task', 'unpack', packed, '--name', 'again', ...at));
    const refused = await taps('compress', 'again', ...at);
    assert.equal(refused.code, 4);
    assert.match(refused.err, /no pictures to choose a form by/);
    succeeded(await taps('library', 'verify', ...at));
  });

  await t.test('TALL masks of two tasks: a table with honest bytes, files where they were asked for', async () => {
    succeeded(await taps('task', 'add', 'others', '--base', 'small', '--images', pictures, '--validation', '25%', '--seed', '5', ...at));
    succeeded(await taps('train', 'others', '--method', 'full', ...quick, '--seed', '2', ...at));
    const out = join(folder, 'masks');
    const outcome = succeeded(await taps('tall', 'things', 'others', '--out', out, '--threads', '1', '--json', ...at)).json as TallMasksOutcome;
    assert.deepEqual(readdirSync(out).sort(), ['shared.safetensors', 'task-0.safetensors', 'task-1.safetensors']);
    assert.equal(statSync(outcome.sharedPath).size, outcome.sharedBytes);
    assert.ok(outcome.tasks.every(({ bytes, path }) => bytes === statSync(path).size && bytes < 0.1 * 1_600_000));
    const again = await taps('tall', 'things', 'others', '--out', out, ...at);
    assert.equal(again.code, 3);
    const alone = await taps('tall', 'things', ...at);
    assert.equal(alone.code, 2);
    assert.match(alone.err, /at least two/);
  });

  await t.test('wrong options are named, with what is possible', async () => {
    const tolerance = await taps('compress', 'things', '--tolerance', '-1', ...at);
    assert.equal(tolerance.code, 2);
    assert.match(tolerance.err, /0 to 100/);
    assert.equal((await taps('compress', 'things', '--form', 'int5', ...at)).code, 2);
    assert.equal((await taps('compress', 'nothing', ...at)).code, 3);
    const help = succeeded(await taps('compress', '--help')).out;
    assert.match(help, /percentage\s+points/);
    assert.ok(!existsSync(join(folder, 'library', 'cache', 'compress-')));
  });
});
