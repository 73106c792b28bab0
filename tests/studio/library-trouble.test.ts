/** @file Libraries that cannot be opened, others that can, and moving one: the studio always starts and says what is wrong. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { openSqlite } from '../../src-main/library/database.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { rememberedLibraryFolder } from '../../src-main/studio/settings.ts';
import { addSampleTask, sampleManifest } from '../library/sample-library.ts';
import { operation, quickConfig, StudioPlace } from './harness.ts';

function placeOf(t: TestContext): StudioPlace {
  const place = new StudioPlace();
  t.after(() => place.remove());
  return place;
}

test('a library that another program writes: the studio starts, says so, and opens it when it is free', async (t) => {
  const place = placeOf(t);
  await (await place.start()).studio.close();
  const holder = spawn(process.execPath, [fileURLToPath(new URL('../library/hold-library.ts', import.meta.url)), place.libraryFolder], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => holder.kill('SIGKILL'));
  await once(holder.stdout, 'data');
  const harness = await place.start();
  const { library } = await harness.ask('app.state', {});
  assert.ok(library.state === 'failed' && library.error.code === 'library-locked');
  assert.match(library.error.message, new RegExp(String(holder.pid)));
  assert.equal((await harness.refusal('library.overview', {})).code, 'library-locked');
  assert.equal((await harness.refusal('run.start', { taskId: 'x', config: quickConfig() })).code, 'library-locked');
  assert.equal(await harness.studio.picture('/picture/dataset/x/0'), null);
  assert.deepEqual(harness.studio.recent(), []);
  assert.equal((await harness.refusal('library.retry', {})).code, 'library-locked');
  const report = await harness.ask('app.report', {});
  assert.match(report.text, /library-locked/);
  // Another folder works meanwhile.
  const other = join(place.folder, 'other');
  mkdirSync(other);
  const grant = await harness.studio.grants.add(other);
  assert.equal((await harness.ask('library.open', { folder: grant.token })).state, 'open');
  assert.ok(harness.events.some((event) => event.name === 'library.status' && event.payload.state === 'open'));
  assert.deepEqual((await harness.ask('library.overview', {})).bases, []);
  assert.equal(rememberedLibraryFolder(join(place.folder, 'settings')), other);
  // And the first one when it is free; the refusal before that leaves the open one open.
  const wanted = await harness.studio.grants.add(place.libraryFolder);
  assert.equal((await harness.refusal('library.open', { folder: wanted.token })).code, 'library-locked');
  assert.equal((await harness.ask('app.state', {})).library.folder, other);
  holder.kill('SIGKILL');
  await once(holder, 'exit');
  assert.equal((await harness.ask('library.open', { folder: wanted.token })).folder, place.libraryFolder);
});

test('a newer library and a foreign file are refused untouched; retrying is possible', async (t) => {
  const place = placeOf(t);
  const first = await place.start();
  await first.studio.close();
  const path = join(place.libraryFolder, 'library.db');
  const whole = readFileSync(path);
  const db = openSqlite(path, { readOnly: false, mustExist: true });
  db.pragma('user_version = 99');
  db.close();
  const newer = readFileSync(path);
  const harness = await place.start();
  const status = (await harness.ask('app.state', {})).library;
  assert.ok(status.state === 'failed' && status.error.code === 'library-too-new' && status.error.advice !== '');
  assert.equal((await harness.refusal('task.show', { id: 'x' })).code, 'library-too-new');
  assert.deepEqual(readFileSync(path), newer);
  writeFileSync(path, 'not a database at all, '.repeat(100));
  assert.equal((await harness.refusal('library.retry', {})).code, 'library-damaged');
  const now = (await harness.ask('app.state', {})).library;
  assert.ok(now.state === 'failed' && now.error.code === 'library-damaged');
  writeFileSync(path, whole);
  assert.equal((await harness.ask('library.retry', {})).state, 'open');
});

test('a library of version 1 opens and shows what it has', async (t) => {
  const place = placeOf(t);
  cpSync(fileURLToPath(new URL('../fixtures/library-v1', import.meta.url)), place.libraryFolder, { recursive: true });
  const harness = await place.start();
  const { bases, tasks } = await harness.ask('library.overview', {});
  assert.deepEqual([bases.map(({ name }) => name), tasks.map(({ name, results }) => [name, results])], [['tiny'], [['animals', 1]]]);
  const detail = await harness.ask('task.show', { id: tasks[0]?.id ?? '' });
  assert.deepEqual(detail.runs.map(({ status }) => status), ['done', 'interrupted']);
  assert.equal((await harness.ask('base.show', { id: bases[0]?.id ?? '' })).layers.length, 2, 'layers come from a result where the import did not record them');
});

test('a library moves to an empty folder only, is whole there, and the old one stays as it was', async (t) => {
  const place = placeOf(t);
  const archive = join(place.libraryFolder, 'archives', 'a'.repeat(64), 'pictures');
  {
    using library = openLibrary(place.libraryFolder, { create: true });
    const task = await addSampleTask(library, 'Zipped');
    library.tasks.setDataset(task.id, library.datasets.add(sampleManifest('9'.repeat(64), archive)).id);
    mkdirSync(archive, { recursive: true });
    writeFileSync(join(archive, 'picture.png'), 'x');
  }
  const harness = await place.start();
  await harness.taskFromSample('Moved');
  const full = join(place.folder, 'full');
  mkdirSync(full);
  writeFileSync(join(full, 'mine.txt'), 'mine');
  const grant = async (path: string): Promise<string> => {
    mkdirSync(path, { recursive: true });
    return (await harness.studio.grants.add(path)).token;
  };
  assert.equal((await harness.refusal('library.move', { folder: await grant(full), operationId: operation() })).code, 'usage');
  assert.deepEqual(readdirSync(full), ['mine.txt']);
  assert.equal((await harness.refusal('library.move', { folder: await grant(join(place.libraryFolder, 'inside')), operationId: operation() })).code, 'usage');
  assert.equal((await harness.ask('app.state', {})).library.folder, place.libraryFolder, 'a refused move leaves the library open');

  // Cancelled: the target is empty again, the library is the old one.
  const target = join(place.folder, 'target');
  const token = await grant(target);
  const cancelledId = operation();
  const cancelled = harness.refusal('library.move', { folder: token, operationId: cancelledId });
  await harness.ask('operation.cancel', { operationId: cancelledId });
  assert.equal((await cancelled).code, 'cancelled');
  assert.deepEqual(readdirSync(target), []);
  assert.equal((await harness.ask('library.overview', {})).tasks.length, 2);

  const moved = await harness.ask('library.move', { folder: token, operationId: operation() });
  assert.deepEqual([moved.state, moved.folder], ['open', target]);
  assert.deepEqual((await harness.ask('library.overview', {})).tasks.map(({ name }) => name), ['Moved', 'Zipped']);
  const [, zipped] = (await harness.ask('library.overview', {})).tasks;
  const [version] = (await harness.ask('task.show', { id: zipped?.id ?? '' })).versions;
  assert.equal(version?.displayRoot, join(target, 'archives', 'a'.repeat(64), 'pictures'), 'unpacked pictures move along');
  assert.ok(existsSync(join(version.displayRoot, 'picture.png')));
  assert.equal((await harness.ask('library.verify', { operationId: operation() })).ok, true);
  assert.ok(existsSync(join(place.libraryFolder, 'library.db')));
  assert.equal(rememberedLibraryFolder(join(place.folder, 'settings')), target);
  const labels = harness.events.flatMap((event) => (event.name === 'operation.progress' ? [event.payload.label] : []));
  assert.ok(labels.includes('Copying') && labels.includes('Verifying the copy'));
});

test('a library is not exchanged under a run', async (t) => {
  const place = placeOf(t);
  const harness = await place.start();
  const { taskId } = await harness.taskFromSample();
  const { id } = await harness.ask('run.start', { taskId, config: quickConfig({ epochs: 1000 }) });
  const other = join(place.folder, 'other');
  mkdirSync(other);
  const { token } = await harness.studio.grants.add(other);
  assert.equal((await harness.refusal('library.open', { folder: token })).code, 'usage');
  assert.equal((await harness.refusal('library.move', { folder: token, operationId: operation() })).code, 'usage');
  await harness.ask('run.stop', { runId: id, keepBest: false });
  await harness.until(id, ({ stage }) => stage === 'ended', 'the end');
  assert.equal((await harness.ask('library.open', { folder: token })).state, 'open');
});
