/** @file `taps predict --tasks`: several tasks in one pass, each answering as it does alone; and everything that is refused. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Sharing } from '../../src-main/contract/sharing.ts';
import type { PredictOutcome } from '../../src-main/services/predict.ts';
import type { PredictTasksOutcome } from '../../src-main/services/predict-tasks.ts';
import { writeTwoStripes } from '../helpers/joint-run.ts';
import { writeStripes } from '../helpers/tiny-run.ts';
import { ROOT, taps, temporaryFolder, type Outcome } from './run-taps.ts';

const FIXTURES = join(ROOT, 'tests', 'fixtures', 'taps', 'record');
const QUICK = ['--epochs', '2', '--batch', '5', '--threads', '1'];

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.code, 0, outcome.err);
  return outcome;
}

test('several tasks look at the same pictures', async (t) => {
  const folder = temporaryFolder(t);
  const at = ['--library', join(folder, 'library')];
  await writeStripes(join(folder, 'stripes'), 14);
  await writeTwoStripes(join(folder, 'directions'), 12);
  succeeded(await taps('base', 'import', join(FIXTURES, 'convnet.onnx'), '--name', 'tiny', ...at));
  for (const name of ['stripes', 'again']) succeeded(await taps('task', 'add', name, '--base', 'tiny', '--images', join(folder, 'stripes'), ...at));
  succeeded(await taps('task', 'add', 'directions', '--base', 'tiny', '--images', join(folder, 'directions'), '--validation', '20%', ...at));
  for (const name of ['stripes', 'directions']) succeeded(await taps('train', name, '--method', 'probe', ...QUICK, ...at));
  succeeded(await taps('train', 'again', '--method', 'full', ...QUICK, ...at));
  const pictures = Array.from({ length: 8 }, (_, index) => join(folder, 'stripes', 'down', `0${String(index)}.png`));

  // Few pictures and many go through networks of their own kinds.
  for (const count of [1, 8]) {
    await t.test(`${String(count)} pictures: the answers of each task alone, and what they share`, async () => {
      const images = pictures.slice(0, count);
      const names = ['stripes', 'again', 'directions'];
      const outcome = succeeded(await taps('predict', '--tasks', names.join(','), ...images, '--top', '9', '--json', ...at)).json as PredictTasksOutcome;
      assert.equal(outcome.base, 'tiny');
      assert.deepEqual(outcome.tasks.map(({ task }) => task), names);
      for (const name of names) {
        const alone = succeeded(await taps('predict', name, ...images, '--top', '9', '--json', ...at)).json as PredictOutcome;
        assert.equal(alone.predictions.length, count);
        alone.predictions.forEach(({ image, scores }, index) => {
          const together = outcome.predictions[index];
          assert.equal(together?.image, image);
          const own = together.answers.find(({ task }) => task === name)?.scores ?? [];
          assert.deepEqual(own.map(({ className }) => className), scores.map(({ className }) => className));
          scores.forEach(({ probability }, rank) => {
            assert.ok(Math.abs(probability - (own[rank]?.probability ?? Number.NaN)) <= 1e-6, `${name}, ${image}`);
          });
        });
      }
      const share = (a: string, b: string): number => outcome.sharing.pairs.find(({ tasks }) => tasks[0] === a && tasks[1] === b)?.share ?? Number.NaN;
      assert.ok(share('stripes', 'directions') > 0.9, 'two probes share everything below their heads');
      assert.equal(share('stripes', 'again'), 0, 'fine-tuning changes the first layer');
      assert.ok(outcome.sharing.passes > 1.9 && outcome.sharing.passes < 2.1, String(outcome.sharing.passes));
    });
  }

  await t.test('the table says what is shared, in words', async () => {
    const { out } = succeeded(await taps('predict', '--tasks', 'stripes,directions', pictures[0] ?? '', ...at));
    assert.match(out, /stripes and directions share \d+\.\d % of a forward pass/);
    assert.match(out, /the work of 1\.0\d forward passes/);
  });

  await t.test('the same tasks in one file are proven', async () => {
    const out = join(folder, 'both.onnx');
    const exported = succeeded(await taps('export', 'stripes', 'directions', '--out', out, '--json', ...at)).json as { tasks: { parity: { top1Agreement: number } }[]; sharing: Sharing };
    assert.ok((exported.sharing.pairs[0]?.share ?? 0) > 0.9);
    assert.deepEqual(exported.tasks.map(({ parity }) => parity.top1Agreement), [1, 1]);
  });

  await t.test('what cannot be is said in words', async () => {
    succeeded(await taps('base', 'import', join(FIXTURES, 'vit.onnx'), '--name', 'other', ...at));
    succeeded(await taps('task', 'add', 'elsewhere', '--base', 'other', '--images', join(folder, 'stripes'), ...at));
    succeeded(await taps('train', 'elsewhere', '--method', 'probe', ...QUICK, ...at));
    succeeded(await taps('task', 'add', 'unlearnt', '--base', 'tiny', '--images', join(folder, 'stripes'), ...at));
    const [picture = ''] = pictures;
    const refused: [string[], number, RegExp][] = [
      [['--tasks', 'stripes,elsewhere', picture], 3, /"elsewhere" was learnt on "other", "stripes" on "tiny"/],
      [['--tasks', 'stripes,stripes', picture], 2, /"stripes" is named twice/],
      [['--tasks', 'stripes,directoins', picture], 3, /no task "directoins".*\n→ Did you mean "directions"/],
      [['--tasks', 'stripes,unlearnt', picture], 3, /"unlearnt" has not been learnt/],
      [['--tasks', 'stripes,,directions', picture], 2, /empty name/],
      [['--tasks', 'stripes,directions'], 2, /No picture was named/],
      [['stripes'], 2, /No picture was named/],
      [[], 2, /No task was named/],
      [['--tasks', 'stripes,directions', join(folder, 'library', 'library.db')], 4, /cannot be read/],
    ];
    for (const [args, code, pattern] of refused) {
      const outcome = await taps('predict', ...args, ...at);
      assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.err}`);
      assert.match(outcome.err, pattern);
    }
  });
});
