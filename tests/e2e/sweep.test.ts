/** @file `taps sweep`, `path`, `adopt` and `train --budget` as a person uses them; a sweep that was killed goes on. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyDrawings } from '../services/picture-library.ts';
import { BASE_FILE, spawnTaps, taps, temporaryFolder } from './run-taps.ts';

interface Report {
  done: number;
  total: number;
  rows: { setting: string; seeds: number[]; test: { mean: number; halfWidth: number | null } }[];
}

test('budget, path, adopting, and a sweep that is killed half-way', async (t) => {
  const folder = temporaryFolder(t);
  const at = ['--library', join(folder, 'library')];
  copyDrawings(join(folder, 'pictures'), 3, 10);
  assert.equal((await taps('base', 'import', BASE_FILE, ...at)).code, 0);
  assert.equal((await taps('task', 'add', 'things', '--base', 'cifar10-resnet', '--images', join(folder, 'pictures'), ...at)).code, 0);
  const quick = ['--epochs', '3', '--batch', '8', '--threads', '1', ...at];

  const within = await taps('train', 'things', '--within', '1', ...quick);
  assert.equal(within.code, 3);
  assert.match(within.err, /no finished full fine-tuning.*\n→ Run it first: taps train things --method full/);
  const budget = await taps('train', 'things', '--budget', '20%', '--json', ...quick);
  assert.equal(budget.code, 0, budget.err);
  const { result } = budget.json as { result: { budget: { bytes: number; limitBytes: number } } };
  assert.ok(result.budget.bytes <= result.budget.limitBytes && result.budget.bytes >= 0.9 * result.budget.limitBytes, JSON.stringify(result.budget));
  for (const [wrong, words] of [[['--budget', '1kB'], /cannot be held.*\n→ Give at least \d+ bytes/], [['--budget', '1kB', '--lambda', '1'], /cannot be used with/], [['--budget', 'much'], /'much' is not a number/], [['--bits', '8'], /there is no budget/], [['--budget', '20%', '--method', 'full'], /has none/]] as const) {
    const refused = await taps('train', 'things', ...wrong, ...quick);
    assert.ok(refused.code === 2 || refused.code === 4, `${wrong.join(' ')}: ${String(refused.code)} ${refused.err}`);
    assert.match(refused.err, words);
  }

  const path = await taps('path', 'things', '--levels', '3', '--from', '0.1', '--to', '10', ...quick);
  assert.equal(path.code, 0, path.err);
  assert.match(path.out, /level +λ +validation/);
  assert.match(path.out, /0\.1 .*\n.*1 .*\n.*10 /);
  const adopted = await taps('adopt', 'things', '--level', '2', '--json', ...at);
  assert.equal((adopted.json as { result: { delta: { pathLevel: number } } }).result.delta.pathLevel, 2, adopted.err);
  assert.match((await taps('adopt', 'things', ...at)).out, /front/);

  const { child, done } = spawnTaps(['sweep', 'things', '--methods', 'probe,norm', '--seeds', '0,1,1', ...quick]);
  let said = '';
  child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!said.includes('3/4 things') && child.exitCode === null) await sleep(20);
  child.kill('SIGKILL');
  await done;
  assert.match(said, /1 repeated seed\(s\) left out/);
  await sleep(300);
  const resumed = await taps('sweep', '--resume', '--json', ...at);
  assert.equal(resumed.code, 0, resumed.err);
  assert.doesNotMatch(resumed.err, /[12]\/4 things/, 'finished runs are not repeated');
  const report = resumed.json as Report;
  assert.deepEqual([report.done, report.total], [4, 4]);
  assert.deepEqual(report.rows.map(({ setting, seeds }) => [setting, seeds]), [['linear-probe', [0, 1]], ['norm-head', [0, 1]]]);
  assert.ok(report.rows.every(({ test: { halfWidth } }) => halfWidth !== null));
  assert.match((await taps('sweep', '--list', ...at)).out, /4\/4 {2}things: probe, norm/);
  assert.equal((await taps('sweep', '--resume', ...at)).code, 3);

  const gates = await taps('sweep', 'things', '--methods', 'full,taps', '--lambdas', '1', '--compress', '50', '--out', join(folder, 'made', 'first.md'), '--json', ...quick);
  assert.equal(gates.code, 0, gates.err);
  assert.match(gates.err, /Making smaller: things taps λ 1, seed 0/);
  const { id } = gates.json as { id: string };
  const both = await taps('sweep', '--report', `${id},${(report as Report & { id: string }).id}`, '--compress', '50', '--out', join(folder, 'made', 'both.md'), ...at);
  assert.equal(both.code, 0, both.err);
  assert.doesNotMatch(both.err, /Making smaller/, 'what was made smaller is not made again');
  const document = readFileSync(join(folder, 'made', 'both.md'), 'utf8');
  for (const setting of ['full-fine-tuning, compressed', 'taps λ 1, compressed', 'norm-head']) assert.match(document, new RegExp(`\\| ${setting} \\|`));
  assert.match(readFileSync(join(folder, 'made', 'both-things.svg'), 'utf8'), /^<svg[\s\S]*<\/svg>\s*$/);
  const fitted = await taps('sweep', '--report', id, '--at-most', '40%', '--json', ...at);
  assert.equal(fitted.code, 0, fitted.err);
  assert.match(fitted.err, /Making smaller: things full-fine-tuning, seed 0/);
  const again = await taps('sweep', '--report', id, '--at-most', '40%', '--out', join(folder, 'made', 'fitted.md'), ...at);
  assert.doesNotMatch(again.err, /Making smaller/, 'nor is what was fitted into the same size');
  assert.match(readFileSync(join(folder, 'made', 'fitted.md'), 'utf8'), /\| full-fine-tuning, fitted into 40 % \|/);
  assert.equal((await taps('sweep', '--report', id, '--compress', '101', ...at)).code, 2);
  assert.equal((await taps('sweep', '--report', id, '--at-most', '120%', ...at)).code, 2);
  assert.equal((await taps('library', 'verify', ...at)).code, 0);
});
