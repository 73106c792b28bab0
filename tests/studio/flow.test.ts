/** @file From an empty library to a proven export, through the studio's requests alone, with real children. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { operation, quickConfig, StudioPlace, type StudioHarness } from './harness.ts';

const place = new StudioPlace();
let harness: StudioHarness;
before(async () => {
  harness = await place.start();
});
after(() => place.remove());

test('base, pictures, task, run, result, mistakes, prediction, comparison, export', async () => {
  const { ask } = { ask: harness.ask.bind(harness) };
  const first = await ask('app.state', {});
  assert.equal(first.library.state, 'open');
  assert.ok(first.embeddedBase !== null && first.samples.length >= 2 && first.samples.every(({ images, classes }) => images > 0 && classes > 1));

  const base = await ask('base.importEmbedded', { operationId: operation() });
  assert.deepEqual(await ask('base.importEmbedded', { operationId: operation() }), base, 'twice is once');
  const layers = (await ask('base.show', { id: base.id })).layers;
  assert.equal(layers.length, base.gatedLayers);

  const inspection = await ask('images.inspect', { source: { kind: 'sample', id: 'drawings' }, baseId: base.id, seed: 1, validation: 0.15, test: 0, operationId: operation() });
  assert.equal(inspection.images, inspection.counts.train + inspection.counts.validation + inspection.counts.test);
  const apples = await ask('images.list', { datasetId: inspection.id, label: 0, split: 'train', offset: 2, limit: 3 });
  assert.deepEqual([apples.rows.length, apples.total], [3, inspection.perClass[0]?.train]);
  assert.ok(apples.rows.every(({ label, split }) => label === 0 && split === 'train'));
  const picture = await harness.studio.picture(`/picture/dataset/${inspection.id}/${String(apples.rows[0]?.index ?? 0)}?size=96`);
  assert.ok(picture !== null && existsSync(picture.file) && picture.contentType === 'image/webp');

  const excluded = apples.rows.map(({ path }) => path);
  const task = await ask('task.create', { name: 'Drawn things', baseId: base.id, inspectionId: inspection.id, excluded, operationId: operation() });
  assert.equal(task.images, inspection.images - 3);
  assert.equal((await harness.refusal('task.create', { name: 'Drawn things', baseId: base.id, inspectionId: inspection.id, excluded, operationId: operation() })).code, 'already-exists');
  const [version] = (await ask('task.show', { id: task.id })).versions;
  assert.ok(version !== undefined && version.hash !== inspection.hash && version.parentId === null);

  assert.equal((await ask('train.estimate', { baseId: base.id, trainImages: 100, evaluatedImages: 20, config: quickConfig() })).seconds, null);
  const queued = await ask('run.start', { taskId: task.id, config: quickConfig({ method: 'taps', warmupEpochs: 1 }) });
  const done = await harness.until(queued.id, ({ status }) => status === 'done', 'the end of the run');
  assert.ok(done.deltaId !== null && done.failure === null && !done.canResume);
  const detail = await ask('run.show', { runId: done.id });
  assert.deepEqual([detail.epochs.length, detail.layers], [2, layers]);
  assert.equal(harness.events.filter(({ name }) => name === 'run.epoch').length, 2);
  assert.ok(harness.events.some((event) => event.name === 'run.changed' && event.payload.stage === 'training'));
  assert.ok(harness.events.some(({ name }) => name === 'library.changed'));

  const estimate = await ask('train.estimate', { baseId: base.id, trainImages: 100, evaluatedImages: 20, config: quickConfig({ method: 'taps', epochs: 10 }) });
  assert.ok((estimate.seconds ?? 0) > 0 && /one earlier run/.test(estimate.basis), JSON.stringify(estimate));

  const result = await ask('result.show', { deltaId: done.deltaId });
  assert.deepEqual(result.classes.map(({ className }) => className), task.classNames);
  assert.equal(result.classes.reduce((sum, { images }) => sum + images, 0), result.test?.images);
  const judged = await ask('result.judge', { deltaId: done.deltaId, operationId: operation() });
  assert.equal(judged.length, result.test?.images);
  const right = judged.filter(({ label, predicted }) => label === predicted).length;
  assert.ok(Math.abs(right / judged.length - (result.test?.accuracy ?? -1)) < 1e-9, 'judging agrees with the run');

  const mistake = judged.find(({ label, predicted }) => label !== predicted) ?? judged[0];
  assert.ok(mistake !== undefined);
  const revised = await ask('dataset.revise', { taskId: task.id, changes: [{ path: mistake.path, label: mistake.predicted }] });
  const shown = await ask('task.show', { id: task.id });
  if (mistake.label !== mistake.predicted) assert.equal(revised.parentId, version.id);
  assert.equal(shown.card.datasetId, revised.id);
  assert.equal(shown.runs[0]?.datasetId, version.id, 'the run keeps what it learnt from');

  const file = await harness.studio.grants.add(join(import.meta.dirname, '..', '..', 'resources', 'samples', 'drawings', 'test', 'cat', '000.png'));
  const readme = await harness.studio.grants.add(join(import.meta.dirname, '..', '..', 'package.json'));
  const { predictions, unreadable } = await ask('predict.pictures', { taskId: task.id, deltaId: null, files: [file.token, readme.token], operationId: operation() });
  assert.deepEqual([predictions.map(({ name, token }) => [name, token]), unreadable.map(({ name }) => name)], [[['000.png', file.token]], ['package.json']]);
  assert.equal(predictions[0]?.scores.length, task.classNames.length);
  assert.ok((await harness.studio.picture(`/picture/granted/${file.token}?size=256`)) !== null);

  const together = await ask('predict.tasks', { taskIds: [task.id], files: [file.token, readme.token], operationId: operation() });
  assert.deepEqual(together.predictions.map(({ name, token, answers }) => [name, token, answers.map(({ taskId, scores }) => [taskId, scores])]), [['000.png', file.token, [[task.id, predictions[0].scores]]]]);
  assert.deepEqual([together.unreadable.map(({ name }) => name), together.sharing.pairs], [['package.json'], []]);
  const listed = await ask('library.tasks', { text: task.classNames[0] ?? '' });
  assert.deepEqual([listed.total, listed.tasks[0]?.id, listed.tasks[0]?.current?.id], [1, task.id, done.deltaId]);
  assert.equal((await ask('task.freeName', { wanted: task.name })).name, `${task.name} 2`);
  assert.equal((await ask('task.freeName', { wanted: 'nobody has this' })).name, 'nobody has this');

  const compared = await ask('compare.view', { taskIds: [] });
  assert.deepEqual(compared.points.map(({ deltaId, runId, isCurrent }) => [deltaId, runId, isCurrent]), [[done.deltaId, done.id, true]]);
  const overview = await ask('library.overview', {});
  assert.equal(overview.totals.bytes, base.bytes + (compared.points[0]?.bytes ?? 0));

  const request = { taskId: task.id, deltaId: null, format: 'onnx' as const, folder: null, fileName: 'Drawn "things".onnx'.replaceAll('"', ''), overwrite: false, operationId: operation() };
  const exported = await ask('export.start', request);
  assert.ok(exported.parity.maxAbsLogitDiff <= exported.parity.limit && exported.parity.top1Agreement === 1);
  assert.equal(exported.displayPath, join(place.folder, 'home', 'exports', 'Drawn things.onnx'));
  assert.equal(readFileSync(exported.displayPath).length, exported.bytes);
  assert.match(exported.snippets.python, /"Drawn things\.onnx"/);
  assert.deepEqual(await ask('export.list', {}), [exported]);
  assert.deepEqual(harness.studio.exportedFile(exported.id), { path: exported.displayPath, fileName: exported.fileName });
  assert.equal(harness.studio.exportedFile('../library'), null);
  assert.equal((await harness.refusal('export.start', { ...request, operationId: operation() })).code, 'already-exists');
  assert.deepEqual(await ask('app.reveal', { what: 'export', id: exported.id }), { displayPath: exported.displayPath, shown: false });

  const packed = await ask('task.pack', { id: task.id, folder: null });
  assert.equal(packed.displayPath, join(place.folder, 'home', 'exports', 'Drawn things.taps'));
  assert.equal(packed.bytes, statSync(packed.displayPath).size);
  const asFolder = await ask('task.pack', { id: task.id, folder: null, form: 'folder' });
  assert.deepEqual([asFolder.displayPath, existsSync(join(asFolder.displayPath, 'taps_config.json'))], [join(place.folder, 'home', 'exports', 'Drawn things-task'), true]);
  assert.match((await ask('task.pack', { id: task.id, folder: null })).displayPath, /Drawn things-2\.taps$/u);
  const packedFile = await harness.studio.grants.add(packed.displayPath);
  assert.deepEqual([packedFile.kind, packedFile.content], ['file', 'task']);
  const unpacked = await ask('task.unpack', { source: packedFile.token, name: 'From a friend' });
  assert.equal(unpacked.images, 0);

  // Sent to someone whose library is empty: the base comes with the program.
  const friend = await place.start({ libraryFolder: join(place.folder, 'friend') });
  const received = await friend.ask('task.unpack', { source: (await friend.studio.grants.add(packed.displayPath)).token });
  assert.deepEqual([received.name, received.baseName, received.current?.bytes], ['Drawn things', base.name, compared.points[0]?.bytes]);
  writeFileSync(join(place.folder, 'cut.taps'), readFileSync(packed.displayPath).subarray(0, 3000));
  const refusal = await friend.refusal('task.unpack', { source: (await friend.studio.grants.add(join(place.folder, 'cut.taps'))).token });
  assert.equal(refusal.code, 'model-malformed');
  assert.match(refusal.message, /cut\.taps is not a packed task/u);
  assert.equal((await harness.refusal('run.start', { taskId: unpacked.id, config: quickConfig() })).code, 'dataset-invalid');
  assert.deepEqual(harness.studio.recent().map(({ name }) => name), ['From a friend', 'Drawn things']);
  assert.equal(harness.studio.busy(), false);
  const verified = await ask('library.verify', { operationId: operation() });
  assert.deepEqual([verified.ok, verified.problems], [true, []]);
});
