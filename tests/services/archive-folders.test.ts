/** @file Unpacked archives: found again after the library moved, removed when nothing needs them. */
import assert from 'node:assert/strict';
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import { pictureRoot, removeUnusedArchives } from '../../src-main/services/archive-folders.ts';
import { inspectImages } from '../../src-main/services/inspect-images.ts';
import { openLibrary } from '../../src-main/services/open-library.ts';
import { prepareDataset } from '../../src-main/services/prepare-images.ts';
import { unpackArchive } from '../../src-main/services/unpack-archive.ts';
import { zip } from '../codec/zip-builder.ts';
import { sampleBase } from '../library/sample-library.ts';
import { copyDrawings, SMALL, workplace } from './picture-library.ts';

const { folder, library, remove } = workplace();
after(remove);

function archive(name: string, prefix: string): string {
  const path = join(folder, `${name}.zip`);
  writeFileSync(path, zip(copyDrawings(join(folder, name), 2, 10).map((file) => ({ name: prefix + file, data: readFileSync(join(folder, name, file)) }))));
  return path;
}

const inspect = (source: string): ReturnType<typeof inspectImages> => inspectImages(library, { source, preprocessing: SMALL, seed: 1, validation: 0.2, test: 0.2 });

test('a library that was copied elsewhere finds the pictures of its archives without the old one', async () => {
  const { manifest } = await inspect(archive('moving', 'top/'));
  const dataset = library.datasets.add(manifest);
  const base = await library.bases.add(sampleBase());
  library.tasks.add({ name: 'moving', baseId: base.id, datasetId: dataset.id, classNames: manifest.classes });
  await inspect(archive('not used', ''));
  mkdirSync(join(library.folder, 'archives', 'half.partial'));
  assert.equal(readdirSync(join(library.folder, 'archives')).length, 3);
  assert.equal(await removeUnusedArchives(library), 2);
  assert.equal(await removeUnusedArchives(library), 0);
  assert.ok(existsSync(join(manifest.root, manifest.images[0]?.path ?? '')));

  const elsewhere = join(folder, 'elsewhere');
  cpSync(join(library.folder, 'archives'), join(elsewhere, 'archives'), { recursive: true });
  const copy = openLibrary(elsewhere, { create: true });
  renameSync(join(library.folder, 'archives'), join(folder, 'hidden'));
  try {
    assert.equal(pictureRoot(copy, manifest.root), join(elsewhere, 'archives', manifest.root.split('/archives/')[1] ?? ''));
    assert.equal((await prepareDataset(copy, manifest, SMALL)).prepared, manifest.images.length);
    assert.equal(pictureRoot(library, manifest.root), manifest.root);
  } finally {
    renameSync(join(folder, 'hidden'), join(library.folder, 'archives'));
    copy.close();
  }
});

test('other folders stay what they are, also those with such names', () => {
  for (const root of ['/pictures', `/archives/${'a'.repeat(63)}`, `/archives/${'a'.repeat(64)}/b/c`, `/x/archives/${'a'.repeat(64)}`]) assert.equal(pictureRoot(library, root), root);
});

test('two at once unpack the same archive into one folder; something else there is refused', async () => {
  const [source, target] = [archive('twice', 'top/'), join(folder, 'target')];
  const [one, two] = await Promise.all([unpackArchive(source, target), unpackArchive(source, target)]);
  assert.deepEqual(one, two);
  assert.equal(one.folder, join(target, 'top'));
  assert.equal(one.files, 20);
  assert.deepEqual(readdirSync(folder).filter((name) => name.includes('partial')), []);
  await assert.rejects(unpackArchive(source, join(folder, 'twice')), (error: unknown) => error instanceof TapsError && error.code === 'already-exists');
});
