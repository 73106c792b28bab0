/** @file Versions of a dataset: relabelled and excluded pictures, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatasetManifest } from '../../src-main/contract/dataset.ts';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { manifestHash } from '../../src-main/data/build-manifest.ts';
import { reviseManifest, type ImageChange } from '../../src-main/data/revise-manifest.ts';
import { scanDataset } from '../../src-main/data/scan.ts';

const DRAWINGS = new URL('../../resources/samples/drawings', import.meta.url).pathname;
const manifest = await scanDataset(DRAWINGS, { seed: 1, validation: 0.15, test: 0 });
const apple = manifest.classes.indexOf('apple');
const eye = manifest.classes.indexOf('eye');

function refused(from: DatasetManifest, changes: ImageChange[], code: ErrorCode, words: RegExp): void {
  assert.throws(() => reviseManifest(from, changes), (error: unknown) => {
    assert.ok(error instanceof TapsError && error.code === code, String(error));
    assert.match(error.message, words);
    assert.ok(error.advice.length > 0);
    return true;
  });
}

test('a relabelled picture keeps its split, an excluded one is listed; the version before stays as it was', () => {
  const before = structuredClone(manifest);
  const revised = reviseManifest(manifest, [{ path: 'test/eye/003.png', label: apple }, { path: 'train/cat/020.png', label: null }]);
  assert.deepEqual(manifest, before);
  const relabelled = revised.images.find(({ path }) => path === 'test/eye/003.png');
  assert.deepEqual([relabelled?.label, relabelled?.split], [apple, 'test']);
  assert.equal(revised.images.length, manifest.images.length - 1);
  assert.deepEqual(revised.quarantined, [{ path: 'train/cat/020.png', reason: 'left out by hand' }]);
  assert.notEqual(revised.hash, manifest.hash);
  assert.equal(revised.hash, manifestHash(revised.classes, revised.images));
  assert.ok(revised.warnings.some((warning) => warning.includes('train/cat/020.png: left out by hand')));
  for (const image of revised.images) assert.equal(image.split, manifest.images.find(({ path }) => path === image.path)?.split);
});

test('changing back gives the same version', () => {
  const there = reviseManifest(manifest, [{ path: 'test/eye/003.png', label: apple }]);
  assert.equal(reviseManifest(there, [{ path: 'test/eye/003.png', label: eye }]).hash, manifest.hash);
});

test('warnings are those of the new version', () => {
  const spare = manifest.images.filter(({ label, split }) => label === eye && split === 'train').slice(1).map(({ path }) => ({ path, label: null }));
  const revised = reviseManifest(manifest, spare);
  assert.ok(manifest.warnings.every((warning) => !warning.includes('left out')));
  assert.ok(revised.warnings.some((warning) => warning.startsWith(`${String(spare.length)} file(s) left out`)));
});

test('unknown pictures, classes and contradictions are refused by name', () => {
  refused(manifest, [{ path: 'test/eye/999.png', label: apple }], 'not-found', /no picture test\/eye\/999\.png/);
  refused(manifest, [{ path: '../eye/003.png', label: null }], 'not-found', /\.\.\/eye/);
  refused(reviseManifest(manifest, [{ path: 'test/eye/003.png', label: null }]), [{ path: 'test/eye/003.png', label: eye }], 'not-found', /left out by hand/);
  for (const label of [-1, manifest.classes.length, 0.5, NaN]) refused(manifest, [{ path: 'test/eye/003.png', label }], 'invalid-config', /8 classes/);
  refused(manifest, [{ path: 'test/eye/003.png', label: apple }, { path: 'test/eye/003.png', label: null }], 'invalid-config', /twice/);
});

test('a class keeps a training picture, a split keeps a picture', () => {
  const inTraining = manifest.images.filter(({ label, split }) => label === eye && split === 'train').map(({ path }) => path);
  refused(manifest, inTraining.map((path) => ({ path, label: null })), 'dataset-invalid', /class eye .* no picture left for training/);
  refused(manifest, inTraining.map((path) => ({ path, label: apple })), 'dataset-invalid', /class eye/);
  const tests = manifest.images.filter(({ split }) => split === 'test').map(({ path }) => ({ path, label: null }));
  refused(manifest, tests, 'dataset-invalid', /test split/);
});
