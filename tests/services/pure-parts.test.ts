/** @file The parts of the use-cases that compute: what remains of a dataset, and what scores mean. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatasetManifest, Split } from '../../src-main/contract/dataset.ts';
import { TapsError } from '../../src-main/contract/errors.ts';
import { manifestHash } from '../../src-main/data/build-manifest.ts';
import { withoutUnreadable } from '../../src-main/services/add-task.ts';
import { rank } from '../../src-main/services/predict.ts';

function manifestOf(images: [path: string, label: number, split: Split][]): DatasetManifest {
  const entries = images.map(([path, label, split]) => ({ path, sha256: path, bytes: 1, label, split }));
  const classes = ['a', 'b'];
  return { version: 1, root: '/pictures', classes, images: entries, quarantined: [{ path: 'x/1.png', reason: 'empty' }], splitSource: { kind: 'folders' }, hash: manifestHash(classes, entries), warnings: [] };
}

test('unreadable pictures leave the dataset, which becomes another version of it', () => {
  const manifest = manifestOf([['a/1.png', 0, 'train'], ['a/2.png', 0, 'test'], ['b/1.png', 1, 'train']]);
  const rest = withoutUnreadable(manifest, [{ path: 'a/2.png', reason: 'truncated' }]);
  assert.deepEqual(rest.images.map(({ path }) => path), ['a/1.png', 'b/1.png']);
  assert.deepEqual(rest.quarantined.map(({ path }) => path), ['a/2.png', 'x/1.png']);
  assert.notEqual(rest.hash, manifest.hash);
  assert.equal(rest.hash, manifestOf([['a/1.png', 0, 'train'], ['b/1.png', 1, 'train']]).hash);
  assert.equal(withoutUnreadable(manifest, []), manifest);
});

test('a class without a readable picture is refused by name', () => {
  const manifest = manifestOf([['a/1.png', 0, 'train'], ['b/1.png', 1, 'train']]);
  assert.throws(
    () => withoutUnreadable(manifest, [{ path: 'b/1.png', reason: 'truncated' }]),
    (error) => error instanceof TapsError && error.code === 'dataset-invalid' && error.message === 'The class b has no readable picture (b/1.png: truncated).',
  );
});

test('logits become probabilities, most probable first, also for very large ones', () => {
  const scores = rank(Float32Array.of(1000, 1001, 999), ['a', 'b', 'c']);
  assert.deepEqual(scores.map(({ className }) => className), ['b', 'a', 'c']);
  assert.ok(Math.abs((scores[0]?.probability ?? 0) - 1 / (1 + Math.exp(-1) + Math.exp(-2))) < 1e-12);
  assert.ok(Math.abs(scores.reduce((sum, { probability }) => sum + probability, 0) - 1) < 1e-12);
});
