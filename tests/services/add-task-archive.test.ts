/** @file A task from a zip of pictures, as `taps task add --images pictures.zip` makes it. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { addTask } from '../../src-main/services/add-task.ts';
import { importBase } from '../../src-main/services/import-base.ts';
import { zip } from '../codec/zip-builder.ts';
import { BASE_FILE, copyDrawings, workplace } from './picture-library.ts';

const { folder, library, remove } = workplace();
after(remove);

const add = (name: string, images: string): ReturnType<typeof addTask> => addTask(library, { name, base: 'small', images, seed: 1, validation: 0.2, test: 0.2 });
async function refused(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => error instanceof TapsError && error.code === code && words.test(error.message));
}

test('pictures of an archive become a task; what was left out is listed; a hostile archive is refused', async () => {
  await importBase(library, { path: BASE_FILE, name: 'small' });
  const pictures = join(folder, 'pictures');
  const entries = copyDrawings(pictures, 2, 10).map((name) => ({ name: `flowers/${name}`, data: readFileSync(join(pictures, name)) }));
  const archive = join(folder, 'flowers.zip');
  writeFileSync(archive, zip([...entries, { name: 'flowers/apple/NUL.png', data: entries[0]?.data ?? '' }]));
  const seen: number[] = [];
  const { task, manifest } = await addTask(library, { name: 'flowers', base: 'small', images: archive, seed: 1, validation: 0.2, test: 0.2, onUnpacked: (done) => seen.push(done) });
  assert.equal(task.classNames.length, 2);
  assert.equal(manifest.images.length, 20);
  assert.deepEqual(manifest.quarantined.map(({ path }) => path), ['apple/NUL.png']);
  assert.ok((seen.at(-1) ?? 0) > 0);
  assert.ok(manifest.images.every(({ path }) => existsSync(join(manifest.root, path))), manifest.root);
  // The same archive again is the same folder.
  assert.equal((await add('again', archive)).manifest.root, manifest.root);

  writeFileSync(archive, zip([...entries, { name: '../evil.png', data: 'x' }]));
  await refused(add('hostile', archive), 'dataset-invalid', /refused/);
  writeFileSync(archive, readFileSync(archive).subarray(0, 500));
  await refused(add('cut', archive), 'dataset-invalid', /cut off/);
  writeFileSync(archive, 'not an archive');
  await refused(add('other', archive), 'dataset-invalid', /neither a folder nor a CSV table nor a zip archive/);
  await refused(add('nothing', join(folder, 'not-there')), 'not-found', /not-there/);
  assert.deepEqual(library.tasks.list().map(({ name }) => name), ['again', 'flowers']);
});
