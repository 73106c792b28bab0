/** @file A library on a volume that is really full: refusals name the volume, nothing is lost, and it opens again. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { openLibrary, type Library } from '../../src-main/library/library.ts';
import { addSampleTask, sampleArtifact, sampleBase, sampleConfig } from './sample-library.ts';

/** A small volume of its own, or null where this user may not mount one. */
function smallVolume(t: TestContext): string | null {
  const folder = mkdtempSync(join(tmpdir(), 'taps-volume-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=8m', 'tmpfs', folder], { stdio: 'ignore' });
  } catch {
    rmSync(folder, { recursive: true });
    return null;
  }
  t.after(() => {
    execFileSync('umount', [folder]);
    rmSync(folder, { recursive: true });
  });
  return folder;
}

function fill(path: string): void {
  for (const size of [64 * 1024, 4096, 512]) {
    try {
      for (;;) writeFileSync(path, new Uint8Array(size), { flag: 'a' });
    } catch {
      continue;
    }
  }
}

const isDiskFull = (volume: string) => (error: unknown): boolean => {
  assert.ok(error instanceof TapsError, String(error));
  assert.deepEqual([error.code, error.message.includes(volume)], ['disk-full', true], error.message);
  return true;
};

const SKIP = 'needs the right to mount a tmpfs: the full disk is tested by injection only';

async function libraryWithDelta(folder: string): Promise<void> {
  using library = openLibrary(folder, { create: true });
  const task = await addSampleTask(library);
  await library.deltas.commit({ taskId: task.id, runId: null, artifact: encodeTaskFile(sampleArtifact()), testAccuracy: 1 });
}

test('a delta that does not fit is refused whole; with room it succeeds', async (t) => {
  const volume = smallVolume(t);
  if (volume === null) {
    t.skip(SKIP);
    return;
  }
  const folder = join(volume, 'library');
  await libraryWithDelta(folder);
  using library = openLibrary(folder);
  const task = library.tasks.get('animals');
  const run = library.runs.create(task.id, sampleConfig());
  const commit = (to: Library): Promise<unknown> => to.deltas.commit({ taskId: task.id, runId: run.id, artifact: encodeTaskFile(sampleArtifact({ seed: 1 })), testAccuracy: 1 });
  fill(join(volume, 'filling'));
  await assert.rejects(commit(library), isDiskFull(volume));
  await assert.rejects(library.bases.add({ ...sampleBase('big', 1), graph: new Uint8Array(100_000) }), isDiskFull(volume));
  assert.equal(library.deltas.list(task.id).length, 1);
  assert.equal(library.runs.get(run.id).status, 'queued');
  assert.equal((await library.verify()).ok, true);
  library.close();

  rmSync(join(volume, 'filling'));
  using roomy = openLibrary(folder);
  await commit(roomy);
  const report = await roomy.verify();
  assert.deepEqual([report.ok, report.orphanBlobs, report.leftovers, report.deltasChecked], [true, [], [], 2]);
});

test('a library on a full volume opens, and tasks can be removed to make room', async (t) => {
  const volume = smallVolume(t);
  if (volume === null) {
    t.skip(SKIP);
    return;
  }
  const folder = join(volume, 'library');
  await libraryWithDelta(folder);
  fill(join(volume, 'filling'));
  using library = openLibrary(folder);
  assert.equal((await library.verify()).ok, true);
  await library.tasks.remove('animals');
  assert.equal((await library.collectGarbage()).removedBlobs, 1);
  assert.deepEqual(library.tasks.list(), []);
  assert.equal((await library.verify()).ok, true);
});

test('without any room at all a library can still be read', async (t) => {
  const volume = smallVolume(t);
  if (volume === null) {
    t.skip(SKIP);
    return;
  }
  const folder = join(volume, 'library');
  await libraryWithDelta(folder);
  rmSync(join(folder, 'ballast'));
  fill(join(volume, 'filling'));
  {
    using library = openLibrary(folder);
    assert.equal((await library.verify()).ok, true);
    await assert.rejects(library.tasks.remove('animals'), isDiskFull(volume));
    assert.equal(library.tasks.list().length, 1);
  }
  rmSync(join(volume, 'filling'));
  using library = openLibrary(folder);
  await library.tasks.remove('animals');
  assert.equal((await library.verify()).ok, true);
});

test('a new library on a full volume is refused with its name', (t) => {
  const volume = smallVolume(t);
  if (volume === null) {
    t.skip(SKIP);
    return;
  }
  fill(join(volume, 'filling'));
  assert.throws(() => openLibrary(join(volume, 'library'), { create: true }), isDiskFull(volume));
  rmSync(join(volume, 'filling'));
  openLibrary(join(volume, 'library'), { create: true }).close();
});
