/** @file Transforms of weights in task files: round trip, what format 1 stays, accounting, and refusal of what does not fit. */
import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { describe, test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { FloatTensor, HostTensor } from '../../src-main/contract/tensors.ts';
import type { TaskArtifact, WeightTransform } from '../../src-main/contract/training.ts';
import { packBits } from '../../src-main/core/bits.ts';
import { adapterCard } from '../../src-main/formats/adapter-card.ts';
import { readSafetensors, writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { checkAgainstBase, storedParameters } from '../../src-main/formats/task-artifact-check.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { sampleArtifact } from '../library/sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(error.message);
const matrix = (rows: number, columns: number): FloatTensor => ({ shape: [rows, columns], data: Float32Array.from({ length: rows * columns }, (_, index) => index / 8) });

const LOW_RANK: WeightTransform = { kind: 'low-rank', left: matrix(4, 2), right: matrix(2, 27) };
const MODULATOR: WeightTransform = { kind: 'modulator', matrix: matrix(4, 4) };
const MASK: WeightTransform = { kind: 'mask', bits: packBits(108, (index) => index % 3 > 0) };
const TRANSFORMS = [LOW_RANK, MODULATOR, MASK];

/** The sample with its first layer, [4, 3, 3, 3], changed by a transform. */
function withTransform(transform: WeightTransform): TaskArtifact {
  const artifact = structuredClone(sampleArtifact());
  artifact.layers = artifact.layers.map((layer) => ({ ...layer, open: true }));
  artifact.transforms.set('conv1.weight', transform);
  return artifact;
}

function baseShapes(name: string): readonly number[] | undefined {
  return { 'conv1.weight': [4, 3, 3, 3], 'conv2.weight': [4, 4, 1, 1], 'norm.weight': [4] }[name];
}

describe('transforms in task files', () => {
  for (const transform of TRANSFORMS) {
    test(`${transform.kind}: comes back equal, as format 2, and fits its base`, () => {
      const artifact = withTransform(transform);
      const bytes = encodeTaskFile(artifact);
      const read = decodeTaskFile(bytes);
      assert.deepEqual(read, artifact);
      assert.deepEqual(encodeTaskFile(read), bytes);
      assert.equal(readSafetensors(bytes).metadata['taps.format'], '2');
      checkAgainstBase(read, artifact.baseId, baseShapes);
    });
  }

  test('keys and their order are the documented ones: bytes stand after the head', () => {
    const artifact = withTransform(MASK);
    artifact.deltas.clear();
    artifact.transforms.set('conv2.weight', { kind: 'low-rank', left: matrix(4, 1), right: matrix(1, 4) });
    const { tensors } = readSafetensors(encodeTaskFile(artifact));
    assert.deepEqual([...tensors].map(([key, { dtype, shape }]) => [key, dtype, shape]), [
      ['value.norm.weight', 'float32', [4]],
      ['left.conv2.weight', 'float32', [4, 1]],
      ['right.conv2.weight', 'float32', [1, 4]],
      ['head.weight', 'float32', [3, 4]],
      ['head.bias', 'float32', [3]],
      ['mask.conv1.weight', 'uint8', [14]],
    ]);
    assert.deepEqual(decodeTaskFile(encodeTaskFile(artifact)), artifact);
  });

  test('a task without transforms keeps the bytes of version 0.1', () => {
    const folder = new URL('../fixtures/library-v1/blobs/', import.meta.url);
    const blobs = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile());
    const files = blobs.map(({ parentPath, name }) => new Uint8Array(readFileSync(`${parentPath}/${name}`)));
    const bytes = encodeTaskFile(sampleArtifact());
    assert.ok(files.some((file) => Buffer.compare(file, bytes) === 0));
  });

  test('accounting: factors and modulators by number, masks by 32 bits', () => {
    const others = storedParameters(sampleArtifact());
    assert.equal(storedParameters(withTransform(LOW_RANK)), others + 4 * 2 + 2 * 27);
    assert.equal(storedParameters(withTransform(MODULATOR)), others + 16);
    assert.equal(storedParameters(withTransform(MASK)), others + 4);
    const card = (transform: WeightTransform): string => adapterCard({ taskName: 'a', baseName: 'b', testAccuracy: null, sizeBytes: 1 }, withTransform(transform));
    for (const [transform, bytes] of [[LOW_RANK, 248], [MODULATOR, 64], [MASK, 14]] as const) assert.match(card(transform), new RegExp(`conv1\\.weight \\| 108 \\| \\S+ \\| yes \\| ${String(bytes)} \\|`));
  });
});

const MISFITS: Record<string, WeightTransform> = {
  'a rank larger than the layer': { kind: 'low-rank', left: matrix(4, 5), right: matrix(5, 27) },
  'a rank of 0': { kind: 'low-rank', left: matrix(4, 0), right: matrix(0, 27) },
  'factors of two ranks': { kind: 'low-rank', left: matrix(4, 2), right: matrix(1, 27) },
  'factors of another layer': { kind: 'low-rank', left: matrix(4, 2), right: matrix(2, 26) },
  'factors that are no matrices': { kind: 'low-rank', left: { shape: [4, 2, 1], data: new Float32Array(8) }, right: matrix(2, 27) },
  'a modulator that is not square': { kind: 'modulator', matrix: matrix(4, 3) },
  'a modulator of another layer': { kind: 'modulator', matrix: matrix(5, 5) },
  'a mask that is too short': { kind: 'mask', bits: new Uint8Array(13) },
  'a mask that is too long': { kind: 'mask', bits: new Uint8Array(15) },
  'a mask with bits after its end': { kind: 'mask', bits: new Uint8Array(14).fill(0xff) },
};

describe('transforms that do not fit', () => {
  for (const [title, transform] of Object.entries(MISFITS)) {
    test(`${title} is refused when writing`, () => {
      assert.throws(() => encodeTaskFile(withTransform(transform)), coded('model-malformed', /conv1\.weight/));
    });
  }

  test('a layer has one change only, a closed one has none, and every change has a layer', () => {
    const twice = withTransform(MODULATOR);
    twice.deltas.set('conv1.weight', { shape: [4, 3, 3, 3], data: new Float32Array(108) });
    assert.throws(() => encodeTaskFile(twice), coded('model-malformed', /2 stored weights/));
    const closed = withTransform(MODULATOR);
    closed.layers = closed.layers.map((layer) => ({ ...layer, open: false }));
    assert.throws(() => encodeTaskFile(closed), coded('model-malformed', /closed/));
    const stray = withTransform(MODULATOR);
    stray.transforms.set('norm.weight', MODULATOR);
    assert.throws(() => encodeTaskFile(stray), coded('model-malformed', /norm\.weight/));
  });

  test('numbers that are not finite are refused', () => {
    for (const value of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const broken = withTransform({ kind: 'low-rank', left: matrix(4, 2), right: { shape: [2, 27], data: new Float32Array(54).fill(value) } });
      assert.throws(() => encodeTaskFile(broken), coded('non-finite', /right factor of conv1\.weight/));
    }
  });

  test('a base with as many weights in another shape is refused', () => {
    const shapes = (first: readonly number[] | undefined) => (name: string): readonly number[] | undefined => (name === 'conv1.weight' ? first : baseShapes(name));
    for (const transform of [LOW_RANK, MODULATOR]) {
      const artifact = withTransform(transform);
      assert.throws(() => { checkAgainstBase(artifact, artifact.baseId, shapes([3, 4, 3, 3])); }, coded('base-mismatch', /\[3, 4, 3, 3\]/));
    }
    const masked = withTransform(MASK);
    assert.throws(() => { checkAgainstBase(masked, masked.baseId, shapes([4, 3, 3, 2])); }, coded('base-mismatch', /conv1\.weight/));
    assert.throws(() => { checkAgainstBase(masked, masked.baseId, shapes(undefined)); }, coded('base-mismatch', /no such tensor/));
  });

  /** A file of a task with a low-rank change, with other tensors. */
  const altered = (change: (tensors: Map<string, HostTensor>) => unknown): Uint8Array => {
    const { tensors, metadata } = readSafetensors(encodeTaskFile(withTransform(LOW_RANK)));
    change(tensors);
    return writeSafetensors(tensors, metadata);
  };
  const UNREADABLE: Record<string, Uint8Array> = {
    'half a low-rank change': altered((tensors) => tensors.delete('left.conv1.weight')),
    'two changes of one weight': altered((tensors) => tensors.set('mask.conv1.weight', { dtype: 'uint8', shape: [14], data: new Uint8Array(14) })),
    'a mask of floats': altered((tensors) => {
      tensors.delete('left.conv1.weight');
      tensors.delete('right.conv1.weight');
      tensors.set('mask.conv1.weight', { dtype: 'float32', shape: [14], data: new Float32Array(14) });
    }),
    'a factor of bytes': altered((tensors) => tensors.set('left.conv1.weight', { dtype: 'uint8', shape: [4, 2], data: new Uint8Array(8) })),
  };
  for (const [title, bytes] of Object.entries(UNREADABLE)) {
    test(`${title} is refused when reading`, () => {
      assert.throws(() => decodeTaskFile(bytes), coded('model-malformed', /conv1\.weight/));
    });
  }
});
