/** @file One writer at a time, readers beside it, and locks of dead processes. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleConfig, sampleManifest, temporaryFolder } from './sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(error.message);
const lockOf = (folder: string): string => join(folder, 'library.lock');

test('another process is refused with the id of the writer; readers see its commits; its death frees the library', async (t) => {
  const folder = temporaryFolder(t);
  openLibrary(folder, { create: true }).close();
  const child = spawn(process.execPath, [fileURLToPath(new URL('hold-library.ts', import.meta.url)), folder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');

  assert.throws(() => openLibrary(folder), coded('library-locked', new RegExp(`process ${String(child.pid)}\\b`)));
  {
    using reader = openLibrary(folder, { readOnly: true });
    assert.deepEqual(reader.tasks.list().map(({ name }) => name), ['animals']);
    assert.throws(() => reader.datasets.add(sampleManifest()), coded('usage'));
    assert.equal((await reader.verify()).ok, true);
    const [run] = reader.runs.list(reader.tasks.get('animals').id);
    assert.equal(run?.status, 'running', 'a reader does not touch the runs of the writer');
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
  using writer = openLibrary(folder);
  const [run] = writer.runs.list(writer.tasks.get('animals').id);
  assert.equal(run?.status, 'interrupted');
});

test('two writers in one process are two writers', async (t) => {
  const folder = temporaryFolder(t);
  using first = openLibrary(folder, { create: true });
  const task = await addSampleTask(first);
  assert.throws(() => openLibrary(folder), coded('library-locked', new RegExp(String(process.pid))));
  first.runs.create(task.id, sampleConfig());
  first.close();
  openLibrary(folder).close();
});

test('a lock of a process that is gone, of a reused number, or of garbage is taken over', (t) => {
  const folder = temporaryFolder(t);
  openLibrary(folder, { create: true }).close();
  const stale: unknown[] = [
    { pid: 2 ** 22 + 1, processStart: null, host: hostname() },
    ...(process.platform === 'linux' ? [{ pid: process.pid, processStart: 'another boot/1', host: hostname() }] : []),
    { pid: -1 },
    'garbage',
  ];
  for (const holder of stale) {
    writeFileSync(lockOf(folder), JSON.stringify(holder));
    openLibrary(folder).close();
  }
  writeFileSync(lockOf(folder), '');
  openLibrary(folder).close();
  assert.equal(readFileSync(lockOf(folder), 'utf8').trim(), '', 'closing gives the lock back');
});

test('a lock of another machine is respected', (t) => {
  const folder = temporaryFolder(t);
  openLibrary(folder, { create: true }).close();
  writeFileSync(lockOf(folder), JSON.stringify({ pid: 7, processStart: null, host: 'elsewhere' }));
  assert.throws(() => openLibrary(folder), coded('library-locked', /process 7 on elsewhere/));
});

test('of several processes that find a stale lock at once, one becomes the writer', async (t) => {
  const folder = temporaryFolder(t);
  openLibrary(folder, { create: true }).close();
  writeFileSync(lockOf(folder), JSON.stringify({ pid: 2 ** 22 + 1, processStart: null, host: hostname() }));
  const children = Array.from({ length: 4 }, () => spawn(process.execPath, [fileURLToPath(new URL('hold-library.ts', import.meta.url)), folder], { stdio: ['ignore', 'pipe', 'pipe'] }));
  t.after(() => {
    for (const child of children) child.kill('SIGKILL');
  });
  const outcomes = await Promise.all(
    children.map(async (child) => {
      let complaint = '';
      child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
      return Promise.race([once(child.stdout, 'data').then(() => 'held'), once(child, 'close').then(() => (complaint.includes('is in use by process') ? 'refused' : complaint))]);
    }),
  );
  assert.deepEqual(outcomes.sort(), ['held', 'refused', 'refused', 'refused']);
});
