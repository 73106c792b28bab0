/** @file After a real run: every test picture judged as the run itself did, remembered, and the dataset revised from there. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { DeltaRecord, TaskRecord } from '../../src-main/contract/records.ts';
import type { JudgedImage } from '../../src-main/contract/studio/results.ts';
import { trainConfigSchema, type TrainResult } from '../../src-main/contract/training.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import { importBase } from '../../src-main/services/import-base.ts';
import { judgeTestImages } from '../../src-main/services/judge-test-images.ts';
import { reviseDataset } from '../../src-main/services/revise-dataset.ts';
import { trainTask } from '../../src-main/services/train-task.ts';
import { BASE_FILE, copyDrawings, workplace } from './picture-library.ts';

const { folder, library, remove } = workplace();
after(remove);
const pictures = join(folder, 'pictures');
let task: TaskRecord;
let delta: DeltaRecord;
let result: TrainResult;

before(async () => {
  copyDrawings(pictures, 4, 30);
  await importBase(library, { path: BASE_FILE, name: 'small' });
  await addTask(library, { name: 'things', base: 'small', images: pictures, seed: 1, validation: 0.15, test: 0.4 });
  ({ task, delta, result } = await trainTask(library, { task: 'things', config: trainConfigSchema.parse({ method: 'taps', epochs: 2, warmupEpochs: 0, threads: 1, batchSize: 16 }) }));
});

const judge = (more: Partial<Parameters<typeof judgeTestImages>[2]> = {}): Promise<JudgedImage[]> => judgeTestImages(library, delta.id, { engine: 'onnxruntime', threads: 1, ...more });
const cached = (): string => join(library.cacheFolder, 'judged', `${delta.id}.json`);

async function refused(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === code, String(error));
    assert.match(error.message, words);
    return true;
  });
}

describe('judging', () => {
  test('the confusion matrix from all judged pictures is the one stored with the run', async () => {
    const { images, classes } = library.datasets.get(task.datasetId).manifest;
    const labels: string[] = [];
    const judged = await judge({ onProgress: (label) => labels.at(-1) === label || labels.push(label) });
    const confusion = classes.map(() => classes.map(() => 0));
    for (const { index, path, label, predicted, probability, labelProbability } of judged) {
      const row = confusion[label] ?? [];
      row[predicted] = (row[predicted] ?? 0) + 1;
      assert.deepEqual([images[index]?.path, images[index]?.label, images[index]?.split], [path, label, 'test']);
      assert.ok(labelProbability >= 0 && labelProbability <= probability && probability <= 1 && probability >= 1 / classes.length);
      assert.equal(predicted === label, probability === labelProbability);
    }
    assert.deepEqual(confusion, result.test.confusion);
    assert.ok(result.test.accuracy < 1, 'a task without mistakes would prove little');
    assert.deepEqual(labels, ['Decoding the test pictures', 'Judging the test pictures']);
  });

  test('is remembered; a damaged or foreign memory is made anew', async () => {
    const judged = await judge();
    const text = readFileSync(cached(), 'utf8');
    const labels: string[] = [];
    assert.deepEqual(await judge({ onProgress: (label) => labels.push(label) }), judged);
    assert.deepEqual(labels, []);
    for (const damage of ['', text.slice(0, 100), '{}', text.replace(/"predicted":\d/, '"predicted":99'), text.replace(/"probability":[\d.]+/, '"probability":2'), text.replace(/"datasetHash":"./, '"datasetHash":"x'), text.replace(/"path":"/, '"path":"../')]) {
      assert.notEqual(damage, text);
      writeFileSync(cached(), damage);
      assert.deepEqual(await judge(), judged);
      assert.equal(readFileSync(cached(), 'utf8'), text);
    }
  });

  test('needs the test pictures only', async () => {
    const { images } = library.datasets.get(task.datasetId).manifest;
    const judged = await judge();
    const away = images.find(({ split }) => split === 'train')?.path ?? '';
    const bytes = readFileSync(join(pictures, away));
    rmSync(join(pictures, away));
    rmSync(cached());
    assert.deepEqual(await judge(), judged);
    writeFileSync(join(pictures, away), bytes);
    const lost = images.find(({ split }) => split === 'test')?.path ?? '';
    const kept = readFileSync(join(pictures, lost));
    rmSync(join(pictures, lost));
    rmSync(cached());
    await refused(judge(), 'dataset-changed', /is gone/);
    writeFileSync(join(pictures, lost), kept);
  });

  test('can be cancelled before and during, and leaves no memory', async () => {
    rmSync(cached(), { force: true });
    await refused(judge({ signal: AbortSignal.abort() }), 'cancelled', /cancelled/);
    for (const stage of ['Decoding the test pictures', 'Judging the test pictures']) {
      const controller = new AbortController();
      await refused(judge({ signal: controller.signal, onProgress: (label) => label === stage && setImmediate(() => controller.abort()) }), 'cancelled', /cancelled/);
    }
    assert.throws(() => readFileSync(cached()));
    await refused(judgeTestImages(library, 'none', { engine: 'onnxruntime', threads: 1 }), 'not-found', /none/);
  });
});

describe('revising', () => {
  test('a new version with its parent is what the task learns from; the result stays with the old one', async () => {
    const judged = await judge();
    const wrong = judged.find(({ label, predicted }) => label !== predicted);
    assert.ok(wrong !== undefined);
    const other = judged.find(({ path }) => path !== wrong.path);
    const revised = reviseDataset(library, 'things', [{ path: wrong.path, label: wrong.predicted }, { path: other?.path ?? '', label: null }]);
    assert.equal(revised.parentId, task.datasetId);
    assert.equal(library.tasks.get('things').datasetId, revised.id);
    assert.deepEqual(library.datasets.get(revised.id), revised);
    assert.equal(revised.manifest.images.find(({ path }) => path === wrong.path)?.label, wrong.predicted);
    assert.deepEqual(revised.manifest.quarantined, [{ path: other?.path, reason: 'left out by hand' }]);
    // Remembered or not, the result is judged by what it learnt from.
    assert.deepEqual(await judge(), judged);
    rmSync(cached());
    assert.deepEqual(await judge(), judged);
  });

  test('no change is no version; a refused change changes nothing', async () => {
    const { datasetId } = library.tasks.get('things');
    const [image] = library.datasets.get(datasetId).manifest.images;
    assert.equal(reviseDataset(library, 'things', [{ path: image?.path ?? '', label: image?.label ?? 0 }]).id, datasetId);
    await refused(Promise.resolve().then(() => reviseDataset(library, 'things', [{ path: 'none.png', label: 0 }])), 'not-found', /none\.png/);
    await refused(Promise.resolve().then(() => reviseDataset(library, 'nothing', [])), 'not-found', /nothing/);
    assert.equal(library.tasks.get('things').datasetId, datasetId);
  });
});
