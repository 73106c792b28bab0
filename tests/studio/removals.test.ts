/** @file Removal with undo: hidden at once, gone later or on closing, back when asked in time. */
import assert from 'node:assert/strict';
import { cpSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { UNDO_MS } from '../../src-main/studio/removals.ts';
import { StudioPlace, type StudioHarness } from './harness.ts';

async function startOnFixture(t: TestContext): Promise<{ place: StudioPlace; harness: StudioHarness }> {
  const place = new StudioPlace();
  t.after(() => place.remove());
  cpSync(fileURLToPath(new URL('../fixtures/library-v1', import.meta.url)), place.libraryFolder, { recursive: true });
  return { place, harness: await place.start() };
}

async function ids(harness: StudioHarness): Promise<{ base: string; task: string }> {
  const { bases, tasks } = await harness.ask('library.overview', {});
  return { base: bases[0]?.id ?? '', task: tasks[0]?.id ?? '' };
}

test('a removed task is hidden everywhere, comes back whole, and is gone after closing', async (t) => {
  const { place, harness } = await startOnFixture(t);
  const { base, task } = await ids(harness);
  const before = await harness.ask('task.show', { id: task });
  const { removalId, undoMs, name } = await harness.ask('removal.start', { kind: 'task', id: task });
  assert.deepEqual([undoMs, name], [UNDO_MS, 'animals']);
  assert.deepEqual((await harness.ask('library.overview', {})).tasks, []);
  assert.deepEqual((await harness.ask('compare.view', { taskIds: [] })).points, []);
  assert.deepEqual(await harness.ask('run.list', {}), []);
  assert.deepEqual((await harness.ask('base.show', { id: base })).tasks, []);
  assert.equal((await harness.refusal('task.show', { id: task })).code, 'not-found');
  assert.equal((await harness.refusal('task.update', { id: task, notes: 'x' })).code, 'not-found');
  assert.equal((await harness.ask('app.state', {})).interruptedRuns, 0);
  assert.deepEqual(await harness.ask('removal.undo', { removalId }), { restored: true });
  assert.deepEqual(await harness.ask('removal.undo', { removalId }), { restored: false });
  assert.deepEqual(await harness.ask('task.show', { id: task }), before);
  await harness.ask('removal.start', { kind: 'task', id: task });
  await harness.studio.close();
  const again = await place.start();
  assert.deepEqual((await again.ask('library.overview', {})).tasks, []);
  assert.deepEqual(await again.ask('run.list', {}), []);
  const blobs = readdirSync(join(place.libraryFolder, 'blobs', 'sha256'), { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
  assert.equal(blobs.length, 2, 'the base’s graph and weights; what was learnt is gone from the disk');
});

test('a removed task is gone after its time, when nothing else happens', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { harness } = await startOnFixture(t);
  const { task } = await ids(harness);
  const { removalId } = await harness.ask('removal.start', { kind: 'task', id: task });
  t.mock.timers.tick(UNDO_MS + 1);
  t.mock.timers.reset();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.deepEqual(await harness.ask('removal.undo', { removalId }), { restored: false });
});

test('a base with tasks is refused with their names; with the task removed it goes, and the task brings it back', async (t) => {
  const { harness } = await startOnFixture(t);
  const { base, task } = await ids(harness);
  const refusal = await harness.refusal('removal.start', { kind: 'base', id: base });
  assert.equal(refusal.code, 'already-exists');
  assert.match(refusal.message, /animals/);
  const { removalId } = await harness.ask('removal.start', { kind: 'task', id: task });
  await harness.ask('removal.start', { kind: 'base', id: base });
  assert.deepEqual((await harness.ask('library.overview', {})).bases, []);
  assert.deepEqual(await harness.ask('removal.undo', { removalId }), { restored: true });
  const { bases, tasks } = await harness.ask('library.overview', {});
  assert.deepEqual([bases.length, tasks.length], [1, 1]);
});

test('a removed run takes its result out of the lists; the next start has neither', async (t) => {
  const { place, harness } = await startOnFixture(t);
  const { task } = await ids(harness);
  const { runs, deltas } = await harness.ask('task.show', { id: task });
  assert.equal(deltas.length, 1);
  await harness.ask('removal.start', { kind: 'run', id: deltas[0]?.runId ?? '' });
  const hidden = await harness.ask('task.show', { id: task });
  assert.deepEqual([hidden.runs.length, hidden.deltas.length, hidden.card.current, hidden.card.results], [runs.length - 1, 0, null, 0]);
  assert.equal((await harness.ask('run.list', {})).length, runs.length - 1);
  await harness.studio.close();
  const again = await place.start();
  const after = await again.ask('task.show', { id: task });
  assert.deepEqual([after.runs.length, after.deltas.length], [runs.length - 1, 0]);
});

test('the name of a removed task is free at once', async (t) => {
  const { harness } = await startOnFixture(t);
  const { task } = await ids(harness);
  const packed = await harness.ask('task.pack', { id: task, folder: null });
  const { token } = await harness.studio.grants.add(packed.displayPath);
  assert.equal((await harness.refusal('task.unpack', { source: token, name: 'animals' })).code, 'already-exists');
  await harness.ask('removal.start', { kind: 'task', id: task });
  assert.equal((await harness.ask('task.unpack', { source: token, name: 'animals' })).name, 'animals');
});
