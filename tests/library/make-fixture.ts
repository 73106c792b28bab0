/**
 * @file Writes a small library with one of everything: the fixture kept for each schema version.
 * Usage: node tests/library/make-fixture.ts <new folder>. Made once per version and never remade, for it stands for users' libraries.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary } from '../../src-main/library/library.ts';
import { addSampleTask, sampleArtifact, sampleConfig } from './sample-library.ts';

const folder = process.argv[2] ?? '';
const library = openLibrary(folder, { create: true });
const task = await addSampleTask(library);
const done = library.runs.create(task.id, sampleConfig());
library.runs.appendMetrics(done.id, {
  epoch: 0, trainLoss: 0.5, trainAccuracy: 0.75, validationLoss: 0.625, validationAccuracy: 0.5,
  openLayers: 2, openBytes: 512, learningRate: 0.01, seconds: 1.5, scores: [0.15, 0.3],
});
await library.deltas.commit({ taskId: task.id, runId: done.id, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 0.75 });
const interrupted = library.runs.create(task.id, sampleConfig('norm-head'));
library.runs.setStatus(interrupted.id, 'interrupted');
library.close();
rmSync(join(folder, 'library.lock'));
