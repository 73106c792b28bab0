/** @file Commits that fail or are killed at every step: the library is whole, the task is fully there or fully absent. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { cpSync, existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { test, type TestContext } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary, type Library } from '../../src-main/library/library.ts';
import { nodeFileSystem } from '../../src-main/platform/file-system.ts';
import { failingFileSystem } from '../platform/failing-file-system.ts';
import { addSampleTask, sampleArtifact, sampleBase, sampleBaseId, sampleConfig, temporaryFolder } from './sample-library.ts';

const ARTIFACT = encodeTaskFile(sampleArtifact());
const MOST_OPERATIONS = 60;

async function assertWhole(library: Library): Promise<void> {
  const { ok, problems } = await library.verify();
  assert.deepEqual({ ok, problems }, { ok: true, problems: [] });
}

/** All or nothing: either no delta and the run as before, or delta, finished run and current delta. */
function committed(library: Library): boolean {
  const task = library.tasks.get('animals');
  const deltas = library.deltas.list(task.id);
  const [run] = library.runs.list(task.id);
  assert.ok(run);
  assert.deepEqual([deltas.length, run.status === 'done', task.currentDeltaId], deltas[0] === undefined ? [0, false, null] : [1, true, deltas[0].id]);
  return deltas.length === 1;
}

async function commitOnce(library: Library): Promise<unknown> {
  const task = library.tasks.get('animals');
  const [run] = library.runs.list(task.id);
  assert.ok(run);
  return library.deltas.commit({ taskId: task.id, runId: run.id, artifact: ARTIFACT, testAccuracy: 0.5 });
}

/** Fresh copies of a library with one task and one run. */
async function libraryWithRun(t: TestContext): Promise<() => string> {
  const template = temporaryFolder(t);
  using library = openLibrary(template, { create: true });
  const task = await addSampleTask(library);
  const run = library.runs.create(task.id, sampleConfig());
  writeFileSync(join(run.folder, 'checkpoint'), 'weights');
  return () => {
    const folder = temporaryFolder(t);
    cpSync(template, folder, { recursive: true });
    return folder;
  };
}

for (const [mode, code] of [['once', 'ENOSPC'], ['dead', 'EIO']] as const) {
  test(`delta commit: ${code} at the n-th operation, ${mode === 'once' ? 'then working' : 'and at all later ones'}`, async (t) => {
    const freshLibrary = await libraryWithRun(t);
    let failAt = 1;
    let refused = false;
    for (; ; failAt++) {
      assert.ok(failAt < MOST_OPERATIONS);
      const folder = freshLibrary();
      const { fileSystem, hasFailed } = failingFileSystem(nodeFileSystem, failAt, code, mode);
      {
        using failing = openLibrary(folder, { fileSystem });
        const failure = await commitOnce(failing).then(() => null, (error: unknown) => error);
        if (failure !== null) {
          assert.ok(failure instanceof TapsError);
          assert.equal(failure.code, code === 'ENOSPC' ? 'disk-full' : 'io-failed');
        }
        refused = failure !== null;
        assert.equal(committed(failing), !refused);
      }
      using reopened = openLibrary(folder);
      await assertWhole(reopened);
      assert.equal(committed(reopened), !refused);
      if (!hasFailed()) break;
      if (refused) await commitOnce(reopened);
      assert.ok(committed(reopened));
      await reopened.collectGarbage();
      const report = await reopened.verify();
      assert.deepEqual([report.ok, report.orphanBlobs, report.leftovers], [true, [], []]);
      assert.equal(existsSync(join(folder, 'runs', reopened.runs.list(reopened.tasks.get('animals').id)[0]?.id ?? '')), false, 'the run folder is gone');
    }
    assert.ok(failAt > 6, 'the injection reached several operations');
  });
}

test('base import: failure at the n-th operation leaves no base', async (t) => {
  for (let failAt = 1; ; failAt++) {
    assert.ok(failAt < MOST_OPERATIONS);
    const { fileSystem, hasFailed } = failingFileSystem(nodeFileSystem, failAt, 'EIO', 'dead');
    const folder = temporaryFolder(t);
    {
      using failing = openLibrary(folder, { create: true, fileSystem });
      await failing.bases.add(sampleBase()).catch((error: unknown) => { assert.ok(error instanceof TapsError); });
      assert.equal(failing.bases.list().length, hasFailed() ? 0 : 1);
    }
    using reopened = openLibrary(folder);
    await assertWhole(reopened);
    assert.equal((await reopened.bases.add(sampleBase())).id, sampleBaseId());
    await assertWhole(reopened);
    if (!hasFailed()) break;
  }
});

test('delta commit: SIGKILL at named points', { skip: process.platform === 'win32' ? 'needs POSIX signals' : false }, async (t) => {
  const freshLibrary = await libraryWithRun(t);
  const child = fileURLToPath(new URL('commit-and-die.ts', import.meta.url));
  for (const point of ['createFile', 'write', 'sync', 'rename', 'syncFolder', 'transaction', 'committed']) {
    const folder = freshLibrary();
    const dying = spawn(process.execPath, [child, folder, point], { stdio: ['ignore', 'ignore', 'inherit'] });
    const [, signal] = (await once(dying, 'exit')) as [number | null, string | null];
    assert.equal(signal, 'SIGKILL', point);
    using reopened = openLibrary(folder);
    await assertWhole(reopened);
    assert.equal(committed(reopened), point === 'committed', point);
    if (point !== 'committed') await commitOnce(reopened);
    assert.ok(committed(reopened));
    await reopened.collectGarbage();
    const report = await reopened.verify();
    assert.deepEqual([report.ok, report.orphanBlobs, report.leftovers], [true, [], []], point);
  }
});
