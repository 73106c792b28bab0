/** @file The whole job by commands: import, add, learn, stop and go on, compare, predict, export, pack, unpack, verify. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, writeFileSync, cpSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Comparison } from '../../src-main/services/compare-tasks.ts';
import type { ExportTasksOutcome } from '../../src-main/services/export-task.ts';
import { BASE_FILE, DRAWINGS, spawnTaps, taps, temporaryFolder, type Outcome } from './run-taps.ts';

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.code, 0, outcome.err);
  return outcome;
}

/** Three classes of a few pictures, so that an epoch takes a second; one file is no picture. */
function smallTask(folder: string): string {
  const target = join(folder, 'pictures');
  for (const split of ['train', 'test']) {
    for (const name of readdirSync(join(DRAWINGS, split)).sort().slice(0, 3)) {
      for (const file of readdirSync(join(DRAWINGS, split, name)).sort().slice(0, 12)) cpSync(join(DRAWINGS, split, name, file), join(target, split, name, file));
    }
  }
  const [first = ''] = readdirSync(join(target, 'train')).sort();
  writeFileSync(join(target, 'train', first, 'broken.png'), 'no picture');
  return target;
}

const QUICK = ['--batch', '8', '--threads', '1', '--augmentation', 'none'];

test('from a model file to a proven export', async (t) => {
  const folder = temporaryFolder(t);
  const at = ['--library', join(folder, 'library')];
  succeeded(await taps('base', 'import', BASE_FILE, '--name', 'small', ...at));
  const pictures = smallTask(folder);

  const added = succeeded(await taps('task', 'add', 'things', '--base', 'small', '--images', pictures, '--validation', '25%', '--json', ...at));
  const { splits, quarantined } = added.json as { splits: Record<string, number>; quarantined: { path: string }[] };
  assert.deepEqual(splits, { train: 27, validation: 9, test: 36 });
  assert.match(quarantined[0]?.path ?? '', /broken\.png$/);
  assert.match(added.err, /left out: train\/.+\/broken\.png/);

  await t.test('a run stopped by Ctrl-C goes on where it was and ends like one that was not', async () => {
    const settings = ['train', 'things', '--method', 'taps', '--epochs', '4', ...QUICK, ...at];
    const { child, done } = spawnTaps(settings);
    await new Promise<void>((resolve) => {
      child.stderr?.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('epoch 1/4')) resolve();
      });
      child.once('close', () => resolve());
    });
    child.kill('SIGINT');
    const stopped = await done;
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(stopped.err, /→ Go on with: taps train things --method taps --resume --library /);
    const resumed = succeeded(await taps('train', 'things', '--resume', '--json', ...at));
    const straight = succeeded(await taps(...settings, '--json'));
    const hashOf = ({ json }: Outcome): string => (json as { delta: { blob: { sha256: string } } }).delta.blob.sha256;
    assert.equal(hashOf(resumed), hashOf(straight));
    const lines = straight.err.split('\n').filter((line) => /^things taps: epoch \d\/4 · loss /.test(line));
    assert.equal(lines.length, 4, straight.err);
    const nothing = await taps('train', 'things', '--resume', ...at);
    assert.equal(nothing.code, 3);
    assert.match(nothing.err, /no unfinished run/);
  });

  await t.test('methods are compared, in numbers of bytes on disk', async () => {
    succeeded(await taps('train', 'things', '--method', 'probe', '--epochs', '2', ...QUICK, ...at));
    const { rows, totals } = succeeded(await taps('compare', '--json', ...at)).json as Comparison;
    assert.deepEqual(rows.map(({ method }) => method), ['taps', 'linear-probe']);
    const [, probe] = rows;
    assert.ok(probe !== undefined && probe.layersTuned === 0 && probe.bytes > probe.parameters * 4 && probe.shareOfFullCopy < 0.02);
    assert.equal(totals.length, 2);
    assert.match(succeeded(await taps('compare', 'things', ...at)).out, /^things +linear-probe +\d/m);
  });

  await t.test('pictures are named; what is no picture is left out', async () => {
    const [name = ''] = readdirSync(join(pictures, 'test')).sort();
    const picture = join(pictures, 'test', name, readdirSync(join(pictures, 'test', name)).sort()[0] ?? '');
    const outcome = succeeded(await taps('predict', 'things', picture, join(pictures, 'train', name, 'broken.png'), '--json', ...at));
    const { predictions, unreadable } = outcome.json as { predictions: { scores: { probability: number }[] }[]; unreadable: unknown[] };
    assert.equal(predictions.length, 1);
    assert.equal(unreadable.length, 1);
    assert.ok(Math.abs((predictions[0]?.scores ?? []).reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-6);
  });

  await t.test('the exported model gives the same answers in a fresh process', async () => {
    const out = join(folder, 'out', 'things.onnx');
    const { parity, bytes } = succeeded(await taps('export', 'things', '--out', out, '--json', ...at)).json as { parity: { images: number; maxAbsLogitDiff: number; top1Agreement: number }; bytes: number };
    assert.equal(parity.images, 36);
    assert.ok(parity.maxAbsLogitDiff <= 1e-4 && parity.top1Agreement === 1, JSON.stringify(parity));
    assert.equal(readFileSync(out).length, bytes);
    assert.deepEqual(readdirSync(join(folder, 'out')), ['things.onnx']);
    const again = await taps('export', 'things', '--out', out, ...at);
    assert.equal(again.code, 3);
  });

  await t.test('two tasks in one file share what they have in common, and each is proven', async () => {
    succeeded(await taps('task', 'add', 'again', '--base', 'small', '--images', pictures, ...at));
    succeeded(await taps('train', 'again', '--method', 'probe', '--epochs', '1', '--seed', '7', ...QUICK, ...at));
    const out = join(folder, 'out', 'both.onnx');
    const both = succeeded(await taps('export', 'things', 'again', '--method', 'probe', '--out', out, '--json', ...at)).json as ExportTasksOutcome;
    assert.deepEqual(both.tasks.map(({ task, output, parity }) => [task, output, parity.images, parity.top1Agreement]), [['things', 'logits.things', 36, 1], ['again', 'logits.again', 36, 1]]);
    assert.equal(both.nodes.combined, both.nodes.separate / 2 + 3, 'one trunk, two heads, two names');
    assert.equal(readFileSync(out).length, both.bytes);
    const twice = await taps('export', 'things', 'things', '--out', join(folder, 'twice.onnx'), ...at);
    assert.equal(twice.code, 2, twice.err);
    assert.match(twice.err, /"things" is named twice/);
    succeeded(await taps('task', 'remove', 'again', ...at));
  });

  await t.test('a packed task answers alike in another library, and is refused without its base', async () => {
    const packed = join(folder, 'packed');
    succeeded(await taps('task', 'pack', 'things', packed, ...at));
    assert.deepEqual(readdirSync(packed).sort(), ['README.md', 'adapter_model.safetensors', 'taps_config.json']);
    const other = ['--library', join(folder, 'other')];
    succeeded(await taps('base', 'import', BASE_FILE, ...other));
    succeeded(await taps('task', 'unpack', packed, '--name', 'guest', ...other));
    const [name = ''] = readdirSync(join(pictures, 'test')).sort();
    const all = readdirSync(join(pictures, 'test', name)).map((file) => join(pictures, 'test', name, file));
    const here = succeeded(await taps('predict', 'things', ...all, '--json', ...at)).json as { predictions: unknown };
    const there = succeeded(await taps('predict', 'guest', ...all, '--json', ...other)).json as { predictions: unknown };
    assert.deepEqual(there.predictions, here.predictions);
    const learn = await taps('train', 'guest', ...other);
    assert.equal(learn.code, 4);
    assert.match(learn.err, /has no pictures to learn from/);
    succeeded(await taps('task', 'remove', 'guest', ...other));
    succeeded(await taps('base', 'remove', 'cifar10-resnet', ...other));
    const refused = await taps('task', 'unpack', packed, ...other);
    assert.equal(refused.code, 3);
    assert.match(refused.err, /which is not in this library/);
    succeeded(await taps('library', 'gc', ...other));
    succeeded(await taps('library', 'verify', ...other));
  });

  await t.test('pictures that changed since are noticed; the library stays whole', async () => {
    const [name = ''] = readdirSync(join(pictures, 'train')).sort();
    const victim = join(pictures, 'train', name, readdirSync(join(pictures, 'train', name)).sort()[0] ?? '');
    writeFileSync(victim, 'other bytes');
    const changed = await taps('train', 'things', ...QUICK, ...at);
    assert.equal(changed.code, 4, changed.err);
    assert.match(changed.err, /has changed since the task was added/);
    const verified = succeeded(await taps('library', 'verify', '--json', ...at));
    assert.equal((verified.json as { ok: boolean }).ok, true);
    assert.match(succeeded(await taps('task', 'show', 'things', ...at)).out, /current/);
  });
});
