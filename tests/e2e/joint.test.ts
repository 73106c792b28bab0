/** @file Joint training by commands: a base made for two tasks, stopped and gone on, proven by export, and everything that is refused. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { BaseRecord, DeltaRecord, TaskRecord } from '../../src-main/contract/records.ts';
import type { Comparison } from '../../src-main/services/compare-tasks.ts';
import { writeTwoStripes } from '../helpers/joint-run.ts';
import { writeStripes } from '../helpers/tiny-run.ts';
import { ROOT, spawnTaps, taps, temporaryFolder, type Outcome } from './run-taps.ts';

interface JointOutcome {
  base: BaseRecord;
  tasks: { task: TaskRecord; delta: DeltaRecord }[];
  bytes: { base: number; tasks: number; all: number };
}

function succeeded(outcome: Outcome): Outcome {
  assert.equal(outcome.code, 0, outcome.err);
  return outcome;
}

const TINY_BASE = join(ROOT, 'tests', 'fixtures', 'taps', 'record', 'convnet.onnx');
const QUICK = ['--batch', '5', '--threads', '1', '--lr', '0.02', '--lambda', '3', '--warmup', '1'];

/** What was learnt, by hashes. */
const hashesOf = ({ base, tasks }: JointOutcome): string[] => [base.weights.sha256, ...tasks.map(({ delta }) => delta.blob.sha256)];

async function library(folder: string, name: string): Promise<string[]> {
  const at = ['--library', join(folder, name)];
  succeeded(await taps('base', 'import', TINY_BASE, '--name', 'tiny', ...at));
  succeeded(await taps('task', 'add', 'stripes', '--base', 'tiny', '--images', join(folder, 'stripes'), ...at));
  succeeded(await taps('task', 'add', 'directions', '--base', 'tiny', '--images', join(folder, 'directions'), '--validation', '20%', ...at));
  return at;
}

/** Stops the command with a signal once it has said something. */
async function stopAt(args: string[], said: RegExp, signal: 'SIGINT' | 'SIGKILL'): Promise<Outcome> {
  const { child, done } = spawnTaps(args);
  let heard = '';
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      heard += chunk.toString();
      if (said.test(heard)) resolve();
    });
    child.once('close', () => resolve());
  });
  child.kill(signal);
  return done;
}

test('two tasks, learnt together in both ways', async (t) => {
  const folder = temporaryFolder(t);
  await writeStripes(join(folder, 'stripes'), 14);
  await writeTwoStripes(join(folder, 'directions'), 12);
  const at = await library(folder, 'library');
  const learn = (name: string, ...more: string[]): string[] => ['joint', name, '--tasks', 'stripes,directions', ...QUICK, ...more];

  await t.test('exact: stopped by Ctrl-C it goes on to the same bytes; base, tasks and export hold', async () => {
    const straight = succeeded(await taps(...learn('both', '--epochs', '6', '--json'), ...at)).json as JointOutcome;
    const other = await library(folder, 'stopped');
    const stopped = await stopAt([...learn('both', '--epochs', '6'), ...other], /both: epoch 2\/6/, 'SIGINT');
    assert.equal(stopped.code, 130, stopped.err);
    assert.match(stopped.err, /→ Go on with: taps joint both --resume --library /);
    assert.match(stopped.err, /needs about .+ of memory \(.+ for every task\), .+ are free/);
    assert.match(stopped.err, /both: epoch 1\/6 · validation [\d.]+ % · stripes [\d.]+ % open \d\/6 · directions [\d.]+ % open \d\/6/);
    const again = await taps(...learn('both'), ...other);
    assert.equal(again.code, 3);
    assert.match(again.err, /is unfinished.\n→ Go on with it: taps joint both --resume/);
    const contradicting = await taps('joint', 'both', '--resume', '--lr', '0.5', ...other);
    assert.equal(contradicting.code, 3);
    const resumed = succeeded(await taps('joint', 'both', '--resume', '--json', ...other)).json as JointOutcome;
    assert.deepEqual(hashesOf(resumed), hashesOf(straight));
    assert.deepEqual(readdirSync(join(folder, 'stopped', 'joint')), [], 'checkpoints are gone');

    assert.deepEqual(straight.tasks.map(({ task }) => task.name), ['stripes@both', 'directions@both']);
    assert.ok(straight.tasks.every(({ task, delta }) => task.baseId === straight.base.id && task.currentDeltaId === delta.id && delta.testAccuracy !== null));
    assert.equal(straight.bytes.base, straight.base.graph.bytes + straight.base.weights.bytes);
    assert.equal(straight.bytes.all, straight.bytes.base + straight.tasks.reduce((sum, { delta }) => sum + delta.blob.bytes, 0));
    const { lineage } = straight.base;
    assert.ok(lineage);
    assert.deepEqual([lineage.fromBaseName, lineage.config.variant, lineage.tasks.map(({ name }) => name)], ['tiny', 'exact', ['stripes', 'directions']]);
    assert.ok(lineage.tasks.every(({ datasetHash }) => /^[0-9a-f]{64}$/.test(datasetHash)));
    assert.equal((succeeded(await taps('library', 'verify', '--json', ...at)).json as { ok: boolean }).ok, true);
    for (const name of ['stripes@both', 'directions@both']) {
      const { parity } = succeeded(await taps('export', name, '--out', join(folder, `${name}.onnx`), '--json', ...at)).json as { parity: { maxAbsLogitDiff: number; top1Agreement: number } };
      assert.ok(parity.maxAbsLogitDiff <= 1e-4 && parity.top1Agreement === 1, JSON.stringify(parity));
      assert.match(succeeded(await taps('task', 'show', name, ...at)).out, /done +6\/6/);
    }
    assert.match(succeeded(await taps('base', 'show', 'both', ...at)).out, /joint training \(exact\) of stripes \(pictures [0-9a-f]{12}…\), directions .* on tiny/);
  });

  await t.test('two-stage: killed in its second stage it goes on to the same bytes', async () => {
    const settings = ['--variant', 'two-stage', '--shared-epochs', '3', '--epochs', '12'];
    const straight = succeeded(await taps(...learn('heads', ...settings, '--json'), ...at)).json as JointOutcome;
    const other = await library(folder, 'killed');
    await stopAt([...learn('heads', ...settings), ...other], /directions@heads taps: epoch +3\/12|directions@heads: epoch +3\/12/, 'SIGKILL');
    // The trainer notices that its owner is gone, saves and ends.
    await sleep(300);
    const resumed = succeeded(await taps('joint', 'heads', '--resume', '--json', ...other)).json as JointOutcome & { joint: unknown };
    assert.equal(resumed.joint, null, 'the first stage is not repeated');
    assert.deepEqual(hashesOf(resumed), hashesOf(straight));
    assert.equal((succeeded(await taps('library', 'verify', '--json', ...other)).json as { ok: boolean }).ok, true);
    const { parity } = succeeded(await taps('export', 'stripes@heads', '--out', join(folder, 'heads.onnx'), '--json', ...at)).json as { parity: { top1Agreement: number } };
    assert.equal(parity.top1Agreement, 1);
  });

  await t.test('compare counts a derived base once, as the full copy it is', async () => {
    const { totals } = succeeded(await taps('compare', 'stripes@both', 'directions@both', '--json', ...at)).json as Comparison;
    const [total] = totals;
    const base = succeeded(await taps('base', 'show', 'both', '--json', ...at)).json as BaseRecord;
    const shown = succeeded(await taps('task', 'show', 'stripes@both', '--json', ...at)).json as { deltas: DeltaRecord[] };
    const second = succeeded(await taps('task', 'show', 'directions@both', '--json', ...at)).json as { deltas: DeltaRecord[] };
    assert.equal(total?.bytes, base.graph.bytes + base.weights.bytes + (shown.deltas[0]?.blob.bytes ?? 0) + (second.deltas[0]?.blob.bytes ?? 0));
    assert.deepEqual([total.bases, total.derivedBases], [1, ['both']]);
    const all = succeeded(await taps('compare', ...at)).out;
    assert.match(all, /^2 bases \+ 4 tasks +taps/m);
    assert.match(all, /both, heads.*full copies that joint training made, each counted once/);
  });

  await t.test('what cannot be is said in words and leaves nothing', async () => {
    succeeded(await taps('base', 'import', join(ROOT, 'tests', 'fixtures', 'taps', 'record', 'vit.onnx'), '--name', 'other', ...at));
    succeeded(await taps('task', 'add', 'elsewhere', '--base', 'other', '--images', join(folder, 'stripes'), ...at));
    const before = succeeded(await taps('base', 'list', '--json', ...at)).out;
    const refused: [string[], number, RegExp][] = [
      [['joint', 'x', '--tasks', 'stripes'], 2, /at least two tasks, not 1.\n→ .*taps train stripes/],
      [['joint', 'x'], 2, /needs tasks/],
      [['joint', 'x', '--tasks', 'stripes,stripes'], 2, /"stripes" is named twice/],
      [['joint', 'x', '--tasks', 'stripes,directoins'], 3, /no task "directoins".*\n→ Did you mean "directions"/],
      [['joint', 'x', '--tasks', 'stripes,elsewhere'], 3, /different bases: "stripes" is on "tiny", "elsewhere" is on "other"/],
      [['joint', 'both', '--tasks', 'stripes,directions'], 3, /a base named "both" already/],
      [['joint', ' x', '--tasks', 'stripes,directions'], 2, /cannot name a base/],
      [['joint', 'x', '--tasks', 'stripes,,directions'], 2, /empty name/],
      [['joint', 'x', '--tasks', 'stripes,directions', '--shared-epochs', '3'], 2, /no meaning in the exact variant/],
      [['joint', 'x', '--tasks', 'stripes,directions', '--variant', 'two-stage', '--shared-lr', '0'], 2, /first stage where it started/],
      [['joint', 'x', '--tasks', 'stripes,directions', '--shared-lr', '-1'], 2, /--shared-lr -1 is not possible \(0 to 100\)/],
      [['joint', 'x', '--tasks', 'stripes,directions', '--lr', '0'], 2, /--lr 0 is not possible/],
      [['joint', 'x', '--resume'], 3, /no unfinished joint run "x"/],
      [['joint', 'x', '--discard'], 3, /no unfinished joint run "x"/],
      [['joint', 'x', '--resume', '--discard'], 2, /contradict/],
    ];
    for (const [args, code, pattern] of refused) {
      const outcome = await taps(...args, ...at);
      assert.equal(outcome.code, code, `${args.join(' ')}: ${outcome.err}`);
      assert.match(outcome.err, pattern);
      assert.match(outcome.err, /^error: .+\n→ .+\n$/);
    }
    assert.equal(succeeded(await taps('base', 'list', '--json', ...at)).out, before);
    succeeded(await taps('task', 'add', 'stripes@taken', '--base', 'tiny', '--images', join(folder, 'stripes'), ...at));
    const taken = await taps('joint', 'taken', '--tasks', 'stripes,directions', ...at);
    assert.equal(taken.code, 3);
    assert.match(taken.err, /a task named "stripes@taken" already/);
  });

  await t.test('an unfinished run can be given up', async () => {
    const stopped = await stopAt([...learn('half', '--epochs', '40'), ...at], /half: epoch +1\/40/, 'SIGINT');
    assert.equal(stopped.code, 130, stopped.err);
    assert.equal(readdirSync(join(folder, 'library', 'joint')).length, 1);
    succeeded(await taps('joint', 'half', '--discard', ...at));
    assert.deepEqual(readdirSync(join(folder, 'library', 'joint')), []);
    assert.equal((await taps('joint', 'half', '--resume', ...at)).code, 3);
    assert.ok(existsSync(join(folder, 'library', 'library.db')));
  });
});
