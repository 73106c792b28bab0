/** @file Pictures before they become a dataset: what is found, what is refused, what is left in the library. */
import assert from 'node:assert/strict';
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, describe, test } from 'node:test';
import sharp from 'sharp';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { reviseManifest } from '../../src-main/data/revise-manifest.ts';
import { inspectImages, type InspectedImages } from '../../src-main/services/inspect-images.ts';
import { zip } from '../codec/zip-builder.ts';
import { copyDrawings, SAMPLES, SMALL, workplace } from './picture-library.ts';

const { folder, library, remove } = workplace();
after(remove);

const inspect = (source: string, more: Partial<Parameters<typeof inspectImages>[1]> = {}): Promise<InspectedImages> => inspectImages(library, { source, preprocessing: SMALL, seed: 1, validation: 0.2, test: 0.2, ...more });

async function refused(promise: Promise<unknown>, code: ErrorCode, words: RegExp): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === code, String(error));
    assert.match(error.message, words);
    assert.ok(error.advice.length > 0);
    return true;
  });
}

/** 3 classes of 20 drawings, and in them what goes wrong with collections. */
async function messyFolder(name: string): Promise<string> {
  const target = join(folder, name);
  copyDrawings(target, 3, 20);
  const [first = '', second = ''] = readdirSync(target).sort();
  const [a = '', b = '', c = ''] = readdirSync(join(target, first)).sort();
  cpSync(join(target, first, a), join(target, first, 'copy of it.png'));
  cpSync(join(target, first, b), join(target, second, 'in the wrong class.png'));
  await sharp(join(target, first, c)).resize(40, 40).jpeg({ quality: 80 }).toFile(join(target, first, 'saved 🦊 مرحبا <img src=x>.jpg'));
  const whole = readFileSync(join(SAMPLES, 'emoji/test/food', readdirSync(join(SAMPLES, 'emoji/test/food'))[0] ?? ''));
  writeFileSync(join(target, second, 'cut off.png'), whole.subarray(0, whole.length / 2));
  writeFileSync(join(target, second, 'empty.png'), '');
  writeFileSync(join(target, second, 'letter.jpg'), 'Dear diary');
  writeFileSync(join(target, second, 'notes.txt'), 'not a picture');
  return target;
}

function check({ manifest, twins, perClass, totalBytes }: InspectedImages): void {
  assert.equal(manifest.images.length, 63);
  assert.equal(totalBytes, manifest.images.reduce((sum, { bytes }) => sum + bytes, 0));
  assert.deepEqual(perClass.map(({ train, validation, test: tested }) => train + validation + tested), [22, 21, 20]);
  assert.deepEqual(manifest.quarantined.map(({ path }) => path.split('/')[1]), ['cut off.png', 'empty.png', 'letter.jpg']);
  const named = twins.map(({ kind, indices, conflict, leak }) => ({ kind, names: indices.map((index) => manifest.images[index]?.path.split('/')[1]), conflict, leak: leak === new Set(indices.map((index) => manifest.images[index]?.split)).size > 1 }));
  assert.deepEqual(named.map(({ kind, conflict }) => [kind, conflict]).sort(), [['identical', false], ['identical', true], ['similar', false]]);
  for (const { names, leak } of named) {
    assert.equal(names.length, 2);
    assert.ok(leak);
  }
  assert.ok(named.some(({ kind, names }) => kind === 'similar' && names.some((name) => name?.startsWith('saved 🦊'))));
  for (const words of [/1 picture\(s\) are in two classes: .*in the wrong class\.png/, /saved 🦊/, /3 file\(s\) left out/]) assert.ok(manifest.warnings.some((warning) => words.test(warning)), `${String(words)} in ${manifest.warnings.join('; ')}`);
}

describe('a folder', () => {
  test('everything wrong with it is found; nothing is recorded; the cache is warm', async () => {
    const source = await messyFolder('messy');
    const labels: string[] = [];
    const inspected = await inspect(source, { onProgress: (label) => labels.at(-1) === label || labels.push(label) });
    check(inspected);
    assert.deepEqual(labels, ['Reading the pictures', 'Decoding the pictures', 'Comparing the pictures']);
    assert.deepEqual(library.tasks.list(), []);
    assert.deepEqual(await inspect(source), inspected);
  });

  test('what a person leaves out is gone from the version', async () => {
    const { manifest } = await inspect(join(folder, 'messy'));
    const path = manifest.images.find((image) => image.path.endsWith('in the wrong class.png'))?.path ?? '';
    assert.ok(reviseManifest(manifest, [{ path, label: null }]).warnings.every((warning) => !warning.includes('in two classes')));
  });

  test('the sample tasks have no twins', async () => {
    for (const sample of ['drawings', 'emoji']) assert.deepEqual((await inspect(join(SAMPLES, sample))).twins, []);
  });

  test('more seed, other splits; the same seed, the same', async () => {
    const [one, two] = [await inspect(join(folder, 'messy'), { seed: 5 }), await inspect(join(folder, 'messy'), { seed: 6 })];
    assert.notEqual(one.manifest.hash, two.manifest.hash);
    assert.equal((await inspect(join(folder, 'messy'), { seed: 5 })).manifest.hash, one.manifest.hash);
  });

  test('splits without pictures are told', async () => {
    const { manifest, perClass } = await inspect(join(folder, 'messy'), { test: 0 });
    assert.ok(manifest.warnings.some((warning) => warning.startsWith('no test pictures at all')));
    assert.ok(perClass.every((counts) => counts.test === 0));
  });
});

describe('an archive', () => {
  const pack = (source: string, prefix: string): Buffer =>
    zip(readdirSync(source, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile()).map((entry) => ({ name: prefix + join(entry.parentPath, entry.name).slice(source.length + 1), data: readFileSync(join(entry.parentPath, entry.name)) })));

  test('is like the folder it was made of, with or without a folder on top; its pictures stay in the library', async () => {
    const source = join(folder, 'plain');
    copyDrawings(source, 3, 20);
    const { manifest } = await inspect(source);
    for (const prefix of ['', 'my pictures/']) {
      const archive = join(folder, `plain${String(prefix.length)}.zip`);
      writeFileSync(archive, pack(source, prefix));
      const labels: string[] = [];
      const inspected = await inspect(archive, { onProgress: (label) => labels.at(-1) === label || labels.push(label) });
      assert.equal(inspected.manifest.hash, manifest.hash);
      assert.deepEqual(inspected.manifest.images, manifest.images);
      assert.ok(inspected.manifest.root.startsWith(join(library.folder, 'archives')));
      assert.deepEqual(labels.slice(0, 3), ['Reading the archive', 'Unpacking the archive', 'Reading the pictures']);
    }
    assert.ok(readdirSync(join(library.folder, 'archives')).every((name) => /^[0-9a-f]{64}$/.test(name)));
  });

  test('what was not unpacked is listed, also the second time', async () => {
    const archive = join(folder, 'links.zip');
    const drawings = copyDrawings(join(folder, 'two'), 2, 8);
    writeFileSync(archive, zip([...drawings.map((name) => ({ name: `top/${name}`, data: readFileSync(join(folder, 'two', name)) })), { name: 'top/apple/link.png', data: '/etc/passwd', mode: 0xa1ff }]));
    for (let time = 0; time < 2; time++) assert.deepEqual((await inspect(archive)).manifest.quarantined, [{ path: 'apple/link.png', reason: 'a link' }]);
  });

  test('a hostile one leaves nothing behind', async () => {
    const archive = join(folder, 'hostile.zip');
    writeFileSync(archive, zip([{ name: 'a/x.png', data: 'x' }, { name: '../../evil.png', data: 'x' }]));
    const before = readdirSync(library.folder, { recursive: true }).sort();
    await refused(inspect(archive), 'dataset-invalid', /refused/);
    assert.deepEqual(readdirSync(library.folder, { recursive: true }).sort(), before);
  });
});

describe('what is refused', () => {
  const place = (name: string, files: Record<string, Uint8Array | string>): string => {
    for (const [path, content] of Object.entries(files)) {
      mkdirSync(join(folder, name, path, '..'), { recursive: true });
      writeFileSync(join(folder, name, path), content);
    }
    return join(folder, name);
  };
  const picture = readFileSync(join(SAMPLES, 'drawings/test/eye/003.png'));

  test('nothing there, junk, a cut archive', async () => {
    await refused(inspect(join(folder, 'nowhere')), 'not-found', /nowhere/);
    await refused(inspect(join(place('junk', { 'model.onnx': 'junk' }), 'model.onnx')), 'dataset-invalid', /neither a folder nor a CSV table nor a zip archive/);
    await refused(inspect(join(place('junk', { 'x.zip': 'junk' }), 'x.zip')), 'dataset-invalid', /neither/);
    await refused(inspect(join(place('junk', { 'cut.zip': zip([{ name: 'a/x.png', data: picture }]).subarray(0, 200) }), 'cut.zip')), 'dataset-invalid', /cut off/);
  });
  test('no pictures, one class, an empty class, a class that cannot be read', async () => {
    mkdirSync(join(folder, 'none/a'), { recursive: true });
    await refused(inspect(join(folder, 'none')), 'dataset-invalid', /no pictures/);
    await refused(inspect(place('one', { 'a/x.png': picture })), 'dataset-invalid', /only one class/);
    await refused(inspect(place('unreadable', { 'a/x.png': picture, 'b/y.png': 'junk' })), 'dataset-invalid', /class b has no readable picture/);
    await refused(inspect(place('untaught', { 'train/a/x.png': picture, 'train/b/y.png': 'junk', 'test/a/x.png': picture, 'test/b/y.png': picture })), 'dataset-invalid', /class b has no picture for training/);
  });
  test('shares that leave nothing', () => refused(inspect(join(folder, 'messy'), { validation: 0.5, test: 0.5 }), 'invalid-config', /leave no pictures/));
});

describe('cancelling', () => {
  for (const stage of ['Reading the pictures', 'Decoding the pictures', 'Comparing the pictures']) {
    test(`while ${stage.toLowerCase()}`, async () => {
      const controller = new AbortController();
      const onProgress = (label: string): void => {
        if (label === stage) controller.abort();
      };
      await refused(inspect(join(folder, 'messy'), { signal: controller.signal, onProgress }), 'cancelled', /cancelled/);
      check(await inspect(join(folder, 'messy')));
    });
  }
  test('before it began, and while unpacking', async () => {
    await refused(inspect(join(folder, 'messy'), { signal: AbortSignal.abort() }), 'cancelled', /cancelled/);
    const archive = join(folder, 'stopped.zip');
    writeFileSync(archive, zip(copyDrawings(join(folder, 'stopped'), 3, 15).map((name) => ({ name, data: readFileSync(join(folder, 'stopped', name)) }))));
    const before = readdirSync(join(library.folder, 'archives')).sort();
    const controller = new AbortController();
    await refused(inspect(archive, { signal: controller.signal, onProgress: (label) => label === 'Unpacking the archive' && controller.abort() }), 'cancelled', /cancelled/);
    assert.deepEqual(readdirSync(join(library.folder, 'archives')).sort(), before);
  });
});
