/** @file The library from outside: what goes in comes out, also after reopening; refusals; bookkeeping. */
import assert from 'node:assert/strict';
import { chmodSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { EpochMetrics } from '../../src-main/contract/training.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, CLASSES, sampleArtifact, sampleBase, sampleBaseId, sampleConfig, sampleManifest, temporaryFolder } from './sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(`${error.message} ${error.advice}`);

const epoch = (index: number): EpochMetrics => ({
  epoch: index, trainLoss: 1 / (index + 1), trainAccuracy: 0.5, validationLoss: 1, validationAccuracy: 0.25,
  openLayers: 2, openBytes: 100, learningRate: 0.01, seconds: 1.5, scores: [0.15, 0.2],
});

test('a library that is not there is not found; create makes one', (t) => {
  const folder = join(temporaryFolder(t), 'new ü #%');
  assert.throws(() => openLibrary(folder), coded('not-found'));
  assert.equal(existsSync(folder), false);
  const library = openLibrary(folder, { create: true });
  assert.deepEqual(library.tasks.list(), []);
  library.close();
  openLibrary(folder).close();
});

test('everything reads back equal after reopening, to the byte', async (t) => {
  const folder = temporaryFolder(t);
  const bytes = encodeTaskFile(sampleArtifact());
  using first = openLibrary(folder, { create: true });
  const task = await addSampleTask(first);
  const run = first.runs.create(task.id, sampleConfig());
  first.runs.setStatus(run.id, 'running');
  first.runs.appendMetrics(run.id, epoch(0));
  first.runs.appendMetrics(run.id, epoch(1));
  const delta = await first.deltas.commit({ taskId: task.id, runId: run.id, artifact: bytes, testAccuracy: 0.75 });
  const before = { bases: first.bases.list(), tasks: first.tasks.list(), runs: first.runs.list(task.id), deltas: first.deltas.list(task.id), dataset: first.datasets.get(task.datasetId) };
  first.close();

  using second = openLibrary(folder);
  assert.deepEqual({ bases: second.bases.list(), tasks: second.tasks.list(), runs: second.runs.list(task.id), deltas: second.deltas.list(task.id), dataset: second.datasets.get(task.datasetId) }, before);
  assert.deepEqual(new Uint8Array(readFileSync(second.deltas.path(delta))), bytes);
  assert.deepEqual(await second.deltas.read(delta), decodeTaskFile(bytes));
  assert.equal(before.runs[0]?.status, 'done');
  assert.deepEqual(before.runs[0].metrics, [epoch(0), epoch(1)]);
  assert.equal(second.tasks.get('animals').currentDeltaId, delta.id);
  assert.equal(delta.layersOpen, 1);
  assert.equal(delta.parameters, 16 + 4 + 12 + 3);
  assert.equal(second.bases.get('tiny').id, sampleBaseId());
  const report = await second.verify();
  assert.deepEqual({ ok: report.ok, blobs: report.blobsChecked, orphans: report.orphanBlobs, leftovers: report.leftovers }, { ok: true, blobs: 3, orphans: [], leftovers: [] });
});

test('blobs are read-only and lie under their hash', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const base = await library.bases.add(sampleBase());
  const { weightsPath, weightsSha256 } = library.bases.files(base);
  assert.equal(weightsPath, join(library.folder, 'blobs', 'sha256', weightsSha256.slice(0, 2), weightsSha256));
  assert.equal(statSync(weightsPath).mode & 0o222, 0);
});

test('bases: paths work as bytes do; the same bytes return the first record; a taken name is refused', async (t) => {
  const folder = temporaryFolder(t);
  using library = openLibrary(join(folder, 'library'), { create: true });
  const base = sampleBase();
  writeFileSync(join(folder, 'weights'), base.weights);
  const stored = await library.bases.add({ ...base, weights: join(folder, 'weights') });
  assert.deepEqual(await library.bases.add({ ...base, name: 'other name' }), stored);
  await assert.rejects(library.bases.add(sampleBase('tiny', 1)), coded('already-exists', /tiny/));
  await assert.rejects(library.bases.add({ ...sampleBase('new', 2), weights: join(folder, 'absent') }), coded('not-found', /absent/));
  await assert.rejects(library.bases.add({ ...sampleBase('new', 2), weights: new Uint8Array(100) }), coded('model-malformed'));
  await assert.rejects(library.bases.add(sampleBase(' ', 3)), coded('invalid-config'));
  assert.equal(library.bases.list().length, 1);
});

test('near names are offered', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  await addSampleTask(library, 'animals');
  assert.throws(() => library.tasks.get('animls'), coded('not-found', /Did you mean "animals"/));
  assert.throws(() => library.bases.get('Tin'), coded('not-found', /Did you mean "tiny"/));
  assert.throws(() => library.tasks.get('zzzzzzzz'), coded('not-found', /task list/));
});

test('a base in use stays; a removed task leaves garbage that can be collected', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  const delta = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 1 });
  assert.throws(() => { library.bases.remove('tiny'); }, coded('already-exists', /animals/));
  assert.deepEqual(await library.collectGarbage(), { removedBlobs: 0, freedBytes: 0, removedLeftovers: 0, removedDatasets: 0 });
  await library.tasks.remove('animals');
  assert.equal(existsSync(run.folder), false);
  assert.equal(existsSync(library.deltas.path(delta)), true);
  assert.deepEqual(await library.collectGarbage(), { removedBlobs: 1, freedBytes: delta.blob.bytes, removedLeftovers: 0, removedDatasets: 1 });
  assert.equal(existsSync(library.deltas.path(delta)), false);
  library.bases.remove('tiny');
  assert.equal((await library.collectGarbage()).removedBlobs, 2);
  assert.equal((await library.verify()).ok, true);
});

test('the current delta is the newest of TAPS, else the newest, until a person chooses', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  const commit = async (method: 'taps' | 'norm-head', seed: number): Promise<string> => {
    const run = library.runs.create(task.id, sampleConfig(method));
    return (await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact({ method, seed })), testAccuracy: null })).id;
  };
  const current = (): string | null => library.tasks.get(task.id).currentDeltaId;
  const probe = await commit('norm-head', 1);
  assert.equal(current(), probe);
  const newerProbe = await commit('norm-head', 2);
  assert.equal(current(), newerProbe);
  const taps = await commit('taps', 3);
  assert.equal(current(), taps);
  await commit('norm-head', 4);
  assert.equal(current(), taps);
  library.tasks.setCurrentDelta(task.id, probe);
  assert.equal(current(), probe);
  const other = library.tasks.add({ ...task, name: 'other' });
  assert.throws(() => library.tasks.setCurrentDelta(other.id, probe), coded('not-found'));
});

test('deltas that do not belong are refused and leave nothing', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  const commit = (artifact: Uint8Array): Promise<unknown> => library.deltas.commit({ taskId: task.id, runId: run.id, artifact, testAccuracy: 0 });
  await assert.rejects(commit(encodeTaskFile(sampleArtifact({ baseId: 'f'.repeat(64) }))), coded('base-mismatch', /ffff/));
  const wrongShape = sampleArtifact();
  wrongShape.deltas.set('conv2.weight', { shape: [16], data: new Float32Array(16) });
  await assert.rejects(commit(encodeTaskFile(wrongShape)), coded('base-mismatch', /conv2\.weight \[16\]/));
  const extra = sampleArtifact();
  extra.replaced.set('absent', { shape: [2], data: new Float32Array(2) });
  await assert.rejects(commit(encodeTaskFile(extra)), coded('base-mismatch', /absent/));
  await assert.rejects(commit(encodeTaskFile({ ...sampleArtifact(), classNames: ['a', 'b', 'c'] })), coded('run-incompatible'));
  await assert.rejects(commit(new Uint8Array(3)), coded('model-malformed'));
  await assert.rejects(library.deltas.commit({ taskId: task.id, runId: 'absent', artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 0 }), coded('not-found'));
  assert.deepEqual(library.deltas.list(task.id), []);
  assert.equal(library.runs.get(run.id).status, 'queued');
  const report = await library.verify();
  assert.deepEqual([report.ok, report.orphanBlobs.length], [true, 0]);
});

test('a parameter of a single number need not be among the weights', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  const artifact = sampleArtifact();
  artifact.replaced.set('scale', { shape: [], data: Float32Array.of(2) });
  const delta = await library.deltas.commit({ taskId: task.id, runId: null, artifact: encodeTaskFile(artifact), testAccuracy: null });
  assert.deepEqual(await library.deltas.read(delta), artifact);
});

test('runs left by a dead process are interrupted and resumable; finished ones are not touched', async (t) => {
  const folder = temporaryFolder(t);
  using first = openLibrary(folder, { create: true });
  const task = await addSampleTask(first);
  const done = first.runs.create(task.id, sampleConfig('linear-probe'));
  first.runs.setStatus(done.id, 'done');
  const running = first.runs.create(task.id, sampleConfig());
  first.runs.setStatus(running.id, 'running');
  assert.equal(first.runs.latestResumable(task.id), null);
  first.close();
  using second = openLibrary(folder);
  assert.equal(second.runs.get(running.id).status, 'interrupted');
  assert.equal(second.runs.get(done.id).status, 'done');
  assert.equal(second.runs.latestResumable(task.id)?.id, running.id);
  assert.equal(second.runs.latestResumable(task.id, 'taps')?.id, running.id);
  assert.equal(second.runs.latestResumable(task.id, 'linear-probe'), null);
  second.runs.fail(running.id, 'it broke');
  assert.deepEqual([second.runs.get(running.id).status, second.runs.get(running.id).failure], ['failed', 'it broke']);
});

test('a repeated epoch replaces the earlier one; NaN is refused', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  library.runs.appendMetrics(run.id, epoch(0));
  library.runs.appendMetrics(run.id, { ...epoch(0), trainLoss: 9 });
  assert.throws(() => { library.runs.appendMetrics(run.id, { ...epoch(1), trainLoss: Number.NaN }); }, coded('non-finite', /NaN/));
  assert.deepEqual(library.runs.get(run.id).metrics.map(({ trainLoss }) => trainLoss), [9]);
});

test('statistics are the sizes of the files', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library);
  library.tasks.add({ ...task, name: 'not learnt yet' });
  const run = library.runs.create(task.id, sampleConfig());
  const delta = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 1 });
  const stats = await library.stats();
  const { graphPath, weightsPath } = library.bases.files(library.bases.get('tiny'));
  assert.equal(stats.baseBytes, statSync(graphPath).size + statSync(weightsPath).size);
  assert.equal(stats.deltaBytes, statSync(library.deltas.path(delta)).size);
  assert.equal(stats.currentDeltaBytes, stats.deltaBytes);
  assert.equal(stats.fullCopiesBytes, 512 + (4 + 1) * CLASSES.length * 4);
  assert.deepEqual([stats.bases, stats.tasks, stats.runs, stats.deltas], [1, 2, 1, 1]);
  assert.ok(stats.databaseBytes >= statSync(join(library.folder, 'library.db')).size);
  assert.deepEqual(stats.perTask.map(({ name, currentDeltaBytes }) => [name, currentDeltaBytes > 0]), [['animals', true], ['not learnt yet', false]]);
});

test('equal manifests of one folder are one dataset', (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const first = library.datasets.add(sampleManifest());
  assert.deepEqual(library.datasets.add(sampleManifest()), first);
  assert.notEqual(library.datasets.add(sampleManifest('c'.repeat(64))).id, first.id);
  assert.notEqual(library.datasets.add(sampleManifest(undefined, '/elsewhere')).id, first.id);
});

test('damage is found and named; other tasks stay usable', async (t) => {
  using library = openLibrary(temporaryFolder(t), { create: true });
  const task = await addSampleTask(library, 'hurt');
  const fine = library.tasks.add({ ...task, name: 'fine' });
  const [hurtDelta, fineDelta] = await Promise.all([task, fine].map(({ id }, seed) => library.deltas.commit({ taskId: id, runId: null, artifact: encodeTaskFile(sampleArtifact({ seed })), testAccuracy: null })));
  assert.ok(hurtDelta && fineDelta);
  const path = library.deltas.path(hurtDelta);
  const bytes = readFileSync(path);
  chmodSync(path, 0o644);
  for (let index = 0; index < bytes.length; index += 41) {
    const flipped = Uint8Array.from(bytes);
    flipped[index] = (flipped[index] ?? 0) ^ (1 << (index % 8));
    writeFileSync(path, flipped);
    await assert.rejects(library.deltas.read(hurtDelta), coded('library-damaged', /has changed/));
    const { ok, problems } = await library.verify();
    assert.deepEqual([ok, problems.map(({ kind, affected }) => [kind, affected])], [false, [['blob-damaged', ['hurt']]]]);
  }
  writeFileSync(path, bytes.subarray(0, 100));
  await assert.rejects(library.deltas.read(hurtDelta), coded('library-damaged', /100 bytes/));
  await library.deltas.read(fineDelta);
  // Storing the same content again mends the file.
  await library.deltas.commit({ taskId: task.id, runId: null, artifact: new Uint8Array(bytes), testAccuracy: null });
  assert.equal((await library.verify()).ok, true);
});
