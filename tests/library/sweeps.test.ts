/** @file Sweeps and runs with several results in the library. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleArtifact, sampleConfig, temporaryFolder } from './sample-library.ts';

test('a sweep keeps what is to be run, what has become of it, and survives the removal of a run', async (t) => {
  const folder = temporaryFolder(t);
  const library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  const entries = [0, 1].map((seed) => ({ taskId: task.id, setting: 'taps λ 1', config: { ...sampleConfig(), seed } }));
  const sweep = library.sweeps.add('two seeds', entries);
  const run = library.runs.create(task.id, sampleConfig());
  library.sweeps.update(sweep.id, 1, { runId: run.id, failure: null });
  library.sweeps.update(sweep.id, 0, { runId: null, failure: 'the disk is full' });
  library.close();

  using again = openLibrary(folder);
  const [stored] = again.sweeps.list();
  assert.deepEqual(stored?.entries.map(({ position, runId, failure, config }) => [position, runId, failure, config.seed]), [[0, null, 'the disk is full', 0], [1, run.id, null, 1]]);
  assert.equal(stored.title, 'two seeds');
  again.runs.setStatus(run.id, 'cancelled');
  await again.runs.remove(run.id);
  assert.equal(again.sweeps.get(sweep.id).entries[1]?.runId, null);
  assert.throws(() => { again.sweeps.update(sweep.id, 7, { runId: null, failure: null }); }, (error: unknown) => error instanceof TapsError && error.code === 'not-found');
  assert.throws(() => again.sweeps.add('nothing', []), (error: unknown) => error instanceof TapsError && error.code === 'usage');
  assert.throws(() => again.sweeps.add('no task', [{ taskId: 'gone', setting: '', config: sampleConfig() }]), (error: unknown) => error instanceof TapsError && error.code === 'not-found');
  assert.equal(again.sweeps.list().length, 1, 'a sweep that failed to be made leaves nothing');
  assert.equal(again.sweeps.remove(sweep.id), true);
  assert.equal((await again.verify()).ok, true);
});

test('runs of a sweep on other machines still wait after the program has ended; others count as interrupted', async (t) => {
  const folder = temporaryFolder(t);
  const library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  const [away, here] = [0, 1].map(() => {
    const sweep = library.sweeps.add('one', [{ taskId: task.id, setting: 'taps λ 1', config: sampleConfig() }]);
    const run = library.runs.create(task.id, sampleConfig());
    library.sweeps.update(sweep.id, 0, { runId: run.id, failure: null });
    return { sweep, run };
  });
  assert.ok(away && here);
  library.sweeps.setPlace(away.sweep.id, { kind: 'slurm', folder: '/shared/sweep' });
  assert.throws(() => { library.sweeps.setPlace('gone', null); }, (error: unknown) => error instanceof TapsError && error.code === 'not-found');
  library.close();
  using again = openLibrary(folder);
  assert.deepEqual(again.sweeps.get(away.sweep.id).place, { kind: 'slurm', folder: '/shared/sweep' });
  assert.deepEqual([again.runs.head(away.run.id).status, again.runs.head(here.run.id).status], ['queued', 'interrupted']);
  again.sweeps.setPlace(away.sweep.id, null);
  again.close();
  using third = openLibrary(folder);
  assert.equal(third.runs.head(away.run.id).status, 'interrupted');
});

test('a run with several results commits all or none; the chosen one is shown', async (t) => {
  const folder = temporaryFolder(t);
  using library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  const file = (seed: number): Uint8Array => encodeTaskFile(sampleArtifact({ seed }));
  const level = (pathLevel: number, artifact = file(pathLevel)): { artifact: Uint8Array; testAccuracy: number; validationAccuracy: number; pathLevel: number } => ({ artifact, testAccuracy: 0.5, validationAccuracy: 0.1 * pathLevel, pathLevel });
  await assert.rejects(library.deltas.commit({ taskId: task.id, runId: run.id, ...level(1), others: [level(0), level(2, new Uint8Array(8))] }));
  assert.deepEqual([library.deltas.list(task.id).length, library.runs.get(run.id).status], [0, 'queued']);

  const chosen = await library.deltas.commit({ taskId: task.id, runId: run.id, ...level(1), others: [level(0), level(2)] });
  assert.equal(library.tasks.get(task.id).currentDeltaId, chosen.id);
  assert.equal(library.deltas.idOfRun(run.id), chosen.id);
  const stored = library.deltas.listOfRun(run.id);
  assert.deepEqual(stored.map(({ pathLevel, validationAccuracy }) => [pathLevel, validationAccuracy]), [[0, 0], [1, 0.1], [2, 0.2]]);
  assert.equal(stored[1]?.id, chosen.id);
  assert.equal(existsSync(run.folder), false);
  await library.runs.remove(run.id);
  assert.deepEqual(library.deltas.list(task.id), []);
});
