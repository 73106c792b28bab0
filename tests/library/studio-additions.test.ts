/** @file What schema version 2 brought: notes and tags, dataset versions, the dataset of a run, removal of runs, documents. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleArtifact, sampleBase, sampleConfig, sampleManifest, temporaryFolder } from './sample-library.ts';

const coded = (code: ErrorCode) => (error: unknown): boolean => error instanceof TapsError && error.code === code;

test('names, notes and tags of bases and tasks change and stay', async (t) => {
  const folder = join(temporaryFolder(t), 'library');
  let library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  await addSampleTask(library, 'other');
  const other = await library.bases.add(sampleBase('second', 7));
  library.tasks.update(task.id, { name: 'Tiere 🐘', notes: 'a\nb', tags: ['wild', 'x'] });
  library.bases.update(task.baseId, { name: 'small', tags: ['cnn'] });
  assert.throws(() => library.tasks.update(task.id, { name: 'other' }), coded('already-exists'));
  assert.throws(() => library.bases.update(other.id, { name: 'small' }), coded('already-exists'));
  assert.throws(() => library.tasks.update(task.id, { name: ' ' }), coded('invalid-config'));
  assert.throws(() => library.tasks.update(task.id, { notes: 'lost', currentDeltaId: 'none' }), coded('not-found'));
  assert.throws(() => library.bases.update('nothing', { notes: '' }), coded('not-found'));
  library.close();
  library = openLibrary(folder);
  const kept = library.tasks.get(task.id);
  assert.deepEqual([kept.name, kept.notes, kept.tags], ['Tiere 🐘', 'a\nb', ['wild', 'x']]);
  const base = library.bases.get(task.baseId);
  assert.deepEqual([base.name, base.notes, base.tags], ['small', '', ['cnn']]);
  library.close();
});

test('a task moves to a new dataset version; runs keep theirs and garbage collection keeps all of them', async (t) => {
  using library = openLibrary(join(temporaryFolder(t), 'library'), { create: true });
  const task = await addSampleTask(library);
  const first = library.datasets.get(task.datasetId);
  const run = library.runs.create(task.id, sampleConfig());
  const second = library.datasets.add(sampleManifest('c'.repeat(64)), { parentId: first.id });
  const third = library.datasets.add(sampleManifest('d'.repeat(64)), { parentId: second.id });
  assert.equal(third.parentId, second.id);
  assert.equal(library.tasks.setDataset(task.id, third.id).datasetId, third.id);
  assert.equal(library.runs.get(run.id).datasetId, first.id);
  assert.equal(library.runs.create(task.id, sampleConfig()).datasetId, third.id);
  assert.deepEqual(library.datasets.versions(task.id).map(({ id }) => id), [first.id, second.id, third.id]);
  const unused = library.datasets.add(sampleManifest('e'.repeat(64)));
  assert.equal((await library.collectGarbage()).removedDatasets, 1);
  assert.throws(() => library.datasets.get(unused.id), coded('not-found'));
  assert.equal(library.datasets.versions(task.id).length, 3);
  const foreign = library.datasets.add({ ...sampleManifest('f'.repeat(64)), classes: ['one', 'two'] });
  assert.throws(() => library.tasks.setDataset(task.id, foreign.id), coded('run-incompatible'));
  assert.throws(() => library.tasks.setDataset(task.id, 'nothing'), coded('not-found'));
});

test('a removed run takes its result along and the task shows the newest that is left', async (t) => {
  using library = openLibrary(join(temporaryFolder(t), 'library'), { create: true });
  const task = await addSampleTask(library);
  const commit = async (seed: number): Promise<{ run: string; delta: string }> => {
    const run = library.runs.create(task.id, sampleConfig());
    const delta = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact({ seed })), testAccuracy: 0.5 });
    return { run: run.id, delta: delta.id };
  };
  const older = await commit(1);
  const newer = await commit(2);
  const waiting = library.runs.create(task.id, sampleConfig());
  await assert.rejects(library.runs.remove(waiting.id), coded('usage'));
  library.runs.setStatus(waiting.id, 'cancelled');
  await library.runs.remove(waiting.id);
  assert.equal(existsSync(waiting.folder), false);
  assert.deepEqual(library.runs.heads({ taskId: task.id }).map(({ id, epochsDone }) => [id, epochsDone]), [[newer.run, 0], [older.run, 0]]);
  await library.runs.remove(newer.run);
  assert.equal(library.tasks.get(task.id).currentDeltaId, older.delta);
  await library.runs.remove(older.run);
  assert.equal(library.tasks.get(task.id).currentDeltaId, null);
  await assert.rejects(library.runs.remove(older.run), coded('not-found'));
  await library.collectGarbage();
  assert.equal((await library.verify()).ok, true);
});

test('documents are values by key', (t) => {
  using library = openLibrary(join(temporaryFolder(t), 'library'), { create: true });
  assert.equal(library.documents.get('draft'), null);
  library.documents.set('draft', { step: 'base', excluded: ['ä/1.png'] });
  library.documents.set('draft', { step: 'tune' });
  assert.deepEqual(library.documents.get('draft'), { step: 'tune' });
  assert.equal(library.documents.remove('draft'), true);
  assert.equal(library.documents.remove('draft'), false);
});
