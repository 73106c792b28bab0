/** @file Ctrl-C twice ends at once, and what was killed can be gone on with. */
import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { BASE_FILE, DRAWINGS, spawnTaps, taps, temporaryFolder } from './run-taps.ts';

test('a killed run is listed as interrupted and goes on', async (t) => {
  const at = ['--library', join(temporaryFolder(t), 'library')];
  assert.equal((await taps('base', 'import', BASE_FILE, ...at)).code, 0);
  assert.equal((await taps('task', 'add', 'drawings', '--base', 'cifar10-resnet', '--images', DRAWINGS, ...at)).code, 0);
  const { child, done } = spawnTaps(['train', 'drawings', '--method', 'probe', '--epochs', '200', '--threads', '1', ...at]);
  await new Promise<void>((resolve) => {
    child.stderr?.on('data', (chunk: Buffer) => {
      if (chunk.toString().includes('epoch   2/200')) resolve();
    });
    child.once('close', () => resolve());
  });
  child.kill('SIGKILL');
  await done;
  // The trainer notices that its owner is gone, saves and ends; the library is free at once.
  await sleep(200);
  const shown = await taps('task', 'show', 'drawings', '--json', ...at);
  const { runs } = shown.json as { runs: { status: string; metrics: unknown[] }[] };
  assert.ok((runs[0]?.metrics.length ?? 0) >= 2, shown.err);
  const second = spawnTaps(['train', 'drawings', '--method', 'probe', '--resume', ...at]);
  let said = '';
  second.child.stderr?.on('data', (chunk: Buffer) => (said += chunk.toString()));
  while (!/epoch +\d+\/200/.test(said) && second.child.exitCode === null) await sleep(50);
  // A library has one writer.
  const other = await taps('train', 'drawings', ...at);
  assert.equal(other.code, 5, other.err);
  assert.match(other.err, /^error: .+\n→ .+\n$/);
  second.child.kill('SIGINT');
  await sleep(700);
  second.child.kill('SIGINT');
  const outcome = await second.done;
  assert.equal(outcome.code, 130);
  const verified = await taps('library', 'verify', ...at);
  assert.equal(verified.code, 0, verified.err);
});
