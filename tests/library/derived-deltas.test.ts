/** @file Smaller forms of results in the library: stored beside what was learnt, shown, never taken for it. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import type { CompressionReport } from '../../src-main/contract/compression.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleArtifact, sampleConfig, temporaryFolder } from './sample-library.ts';

const measured = (accuracy: number, images = 10) => ({ images, loss: 1, accuracy, confusion: [[images]] });

function report(testImages = 10): CompressionReport {
  return { encoding: 'auto', tolerance: 0.5, divergenceLimit: 0.02, divergence: 0.01, pictures: 20, bytesBefore: 100, bytesAfter: 50, validationBefore: measured(0.9), validationAfter: measured(0.875), test: measured(0.75, testImages), parts: [{ part: 'head', form: 'int8', parameters: 15, bytes: 20 }], evaluations: 3, seconds: 1 };
}

test('a smaller form keeps its report, is shown, and the learnt result stays what the run has learnt', async (t) => {
  const folder = join(temporaryFolder(t), 'library');
  using library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  const learnt = await library.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 0.8 });
  const finished = library.runs.get(run.id).finishedAt;
  const bytes = encodeTaskFile(sampleArtifact(), () => ({ form: 'int8' }));
  const smaller = await library.deltas.commitDerived(learnt, bytes, report());
  assert.deepEqual(library.deltas.get(smaller.id), smaller);
  assert.deepEqual([smaller.derivedFrom, smaller.runId, smaller.compression, smaller.testAccuracy, smaller.validationAccuracy], [learnt.id, run.id, report(), 0.75, 0.875]);
  assert.equal(library.tasks.get(task.id).currentDeltaId, smaller.id);
  assert.equal(library.deltas.idOfRun(run.id), learnt.id);
  assert.deepEqual(library.deltas.listOfRun(run.id), [learnt]);
  assert.deepEqual(library.deltas.list(task.id), [learnt, smaller]);
  assert.equal(library.runs.get(run.id).finishedAt, finished);
  assert.deepEqual(await library.deltas.readBytes(smaller), new Uint8Array(bytes));
  const { layers } = await library.deltas.read(smaller);
  assert.deepEqual(layers, learnt.layers);
  assert.equal((await library.verify()).ok, true);
  await library.runs.remove(run.id);
  assert.deepEqual(library.deltas.list(task.id), []);
});

test('without test pictures nothing is claimed; what does not fit the task is not stored', async (t) => {
  using library = openLibrary(join(temporaryFolder(t), 'library'), { create: true });
  const task = await addSampleTask(library);
  const learnt = await library.deltas.commit({ taskId: task.id, runId: null, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: null });
  assert.equal((await library.deltas.commitDerived(learnt, encodeTaskFile(sampleArtifact(), () => ({ form: 'sign' })), report(0))).testAccuracy, null);
  const stranger = encodeTaskFile(sampleArtifact({ baseId: '3'.repeat(64) }), () => ({ form: 'sign' }));
  await assert.rejects(library.deltas.commitDerived(learnt, stranger, report()), (error: unknown) => error instanceof TapsError && error.code === 'base-mismatch');
  assert.equal(library.deltas.list(task.id).length, 2);
});
