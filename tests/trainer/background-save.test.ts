/** @file Checkpoints that are written while training goes on: one at a time, failures are told, and what is best is stored once. */
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { setImmediate as turn, setTimeout as sleep } from 'node:timers/promises';
import { BackgroundSave } from '../../src-main/trainer/background-save.ts';
import { loadCheckpoint, saveCheckpoint, type Snapshot } from '../../src-main/trainer/checkpoint.ts';

test('the next save begins when the last one is durable', async () => {
  const events: string[] = [];
  const release: (() => void)[] = [];
  const saving = new BackgroundSave<number>(async (value) => {
    events.push(`begins ${String(value)}`);
    await new Promise<void>((resolve) => release.push(resolve));
    events.push(`durable ${String(value)}`);
  });
  await saving.begin(1);
  events.push('training');
  const second = saving.begin(2);
  await turn();
  assert.deepEqual(events, ['begins 1', 'training']);
  release[0]?.();
  await second;
  assert.deepEqual(events, ['begins 1', 'training', 'durable 1', 'begins 2']);
  const done = saving.done();
  release[1]?.();
  await done;
  assert.equal(events.at(-1), 'durable 2');
});

test('a save that takes its time waits until ten times as long has passed, one that takes none does not', async () => {
  const of = (ms: number): BackgroundSave<number> => new BackgroundSave<number>(() => sleep(ms));
  const [quick, slow] = [of(1), of(300)];
  for (const saving of [quick, slow]) {
    assert.equal(saving.isWorthwhile, true, 'before the first one nothing is known, and everything would be lost');
    assert.equal(saving.isDue, false);
    await saving.begin(1);
    if (saving === slow) {
      await sleep(280);
      assert.equal(saving.isWorthwhile, false, 'nothing waits for one that takes long already');
    }
    await saving.done();
  }
  assert.equal(quick.isWorthwhile, true);
  assert.equal(slow.isWorthwhile, false);
  await sleep(3000);
  assert.equal(slow.isWorthwhile, true);
});

test('a failed save is thrown by whatever is called next, but not over another failure', async () => {
  const saving = new BackgroundSave<number>(() => Promise.reject(new Error('The disk is full.')));
  await saving.begin(1);
  await turn();
  assert.throws(() => {
    saving.check();
  }, /The disk is full/u);
  await assert.rejects(saving.done(), /The disk is full/u);
  await assert.rejects(saving.begin(2), /The disk is full/u);
  await assert.rejects(saving.around(() => Promise.resolve(1)), /The disk is full/u);
  await assert.rejects(saving.around(() => Promise.reject(new Error('The loss became NaN.'))), /The loss became NaN/u);
});

test('a state that is the best one so far is stored once, and comes back as both', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'taps-checkpoint-'));
  try {
    const tensor = (value: number): { shape: number[]; data: Float32Array } => ({ shape: [1000], data: new Float32Array(1000).fill(value) });
    const state: Snapshot = new Map([['delta', tensor(1)], ['momentum', tensor(2)], ['confidence', tensor(3)]]);
    const best: Snapshot = new Map([...state].filter(([name]) => name !== 'confidence'));
    const position = { epoch: 1, step: 0, seconds: 1, epochs: [], bestEpoch: 0, partial: { loss: 0, correct: 0, images: 0 } };
    await saveCheckpoint(folder, 1, {}, { position, state, best });
    const [file = ''] = readdirSync(folder);
    assert.ok(statSync(join(folder, file)).size < 3 * 4000 + 2000, 'three tensors, not five');
    const loaded = (await loadCheckpoint(folder, {})) ?? assert.fail('There is a checkpoint.');
    assert.deepEqual(loaded.state, state);
    assert.deepEqual(loaded.best, best);
    // Later the best epoch is another one.
    const moved: Snapshot = new Map([['delta', tensor(4)], ['momentum', tensor(5)], ['confidence', tensor(6)]]);
    await saveCheckpoint(folder, 2, {}, { position, state: moved, best });
    const later = (await loadCheckpoint(folder, {})) ?? assert.fail('There is a checkpoint.');
    assert.deepEqual(later.state, moved);
    assert.deepEqual(later.best, best);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
});
