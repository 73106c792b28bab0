/** @file Task files: round trip, determinism, and refusal of what does not fit together. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import { readSafetensors, writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { sampleArtifact } from '../library/sample-library.ts';

const coded = (code: ErrorCode, pattern = /./) => (error: unknown): boolean => error instanceof TapsError && error.code === code && pattern.test(error.message);

test('a task comes back equal, and encodes to the same bytes', () => {
  const artifact = sampleArtifact();
  const bytes = encodeTaskFile(artifact);
  assert.deepEqual(decodeTaskFile(bytes), artifact);
  assert.deepEqual(encodeTaskFile(decodeTaskFile(bytes)), bytes);
});

test('keys and metadata are the documented ones', () => {
  const { tensors, metadata } = readSafetensors(encodeTaskFile(sampleArtifact()));
  assert.deepEqual([...tensors.keys()], ['delta.conv2.weight', 'value.norm.weight', 'head.weight', 'head.bias']);
  assert.deepEqual(Object.keys(metadata), ['format', 'taps.format', 'taps.method', 'taps.base', 'taps.classes', 'taps.layers', 'taps.preprocessing']);
  assert.equal(metadata['format'], 'pt');
  assert.equal(metadata['taps.format'], '1');
});

test('tasks with no open layer and with all layers open are tasks', () => {
  const none = sampleArtifact();
  none.deltas.clear();
  none.layers = none.layers.map((layer) => ({ ...layer, open: false }));
  assert.deepEqual(decodeTaskFile(encodeTaskFile(none)), none);
  const full = sampleArtifact({ method: 'full-fine-tuning' });
  full.deltas.clear();
  full.layers = full.layers.map((layer) => ({ ...layer, score: null, open: true }));
  for (const { name, parameters } of full.layers) full.replaced.set(name, { shape: [parameters], data: new Float32Array(parameters) });
  assert.deepEqual(decodeTaskFile(encodeTaskFile(full)), full);
});

const INCONSISTENT: Record<string, (artifact: TaskArtifact) => unknown> = {
  'an open layer without weights': (artifact) => { artifact.deltas.clear(); },
  'a closed layer with weights': (artifact) => artifact.deltas.set('conv1.weight', { shape: [108], data: new Float32Array(108) }),
  'a δ of no layer': (artifact) => artifact.deltas.set('x', { shape: [1], data: new Float32Array(1) }),
  'a δ of the wrong size': (artifact) => artifact.deltas.set('conv2.weight', { shape: [3], data: new Float32Array(3) }),
  'a layer twice': (artifact) => artifact.layers.push({ name: 'conv1.weight', parameters: 108, score: 0, open: false }),
  'a head for other classes': (artifact) => artifact.classNames.push('fox'),
  'no classes': (artifact) => (artifact.classNames = []),
  'two equal classes': (artifact) => (artifact.classNames = ['a', 'a', 'b']),
  '10 001 classes': (artifact) => (artifact.classNames = Array.from({ length: 10_001 }, (_, index) => String(index))),
  'a bias of another length': (artifact) => (artifact.head.bias = { shape: [2], data: new Float32Array(2) }),
  'a base that is no hash': (artifact) => (artifact.baseId = 'resnet50'),
};
for (const [title, change] of Object.entries(INCONSISTENT)) {
  test(`refuses to write ${title}`, () => {
    const artifact = structuredClone(sampleArtifact());
    change(artifact);
    assert.throws(() => encodeTaskFile(artifact), coded('model-malformed'));
  });
}

for (const value of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
  test(`refuses ${String(value)} when writing and when reading`, () => {
    for (const part of ['delta.conv2.weight', 'value.norm.weight', 'head.weight', 'head.bias']) {
      const { tensors, metadata } = readSafetensors(encodeTaskFile(sampleArtifact()));
      const tensor = tensors.get(part);
      assert.ok(tensor?.data instanceof Float32Array);
      tensor.data[1] = value;
      assert.throws(() => decodeTaskFile(writeSafetensors(tensors, metadata)), coded('non-finite', new RegExp(`Element 1 .*${String(value)}`)));
    }
    const artifact = sampleArtifact();
    artifact.layers = artifact.layers.map((layer) => ({ ...layer, score: value }));
    assert.throws(() => encodeTaskFile(artifact), coded('non-finite', /score/));
  });
}

/** The file with other metadata or tensors. */
function altered(change: (parts: ReturnType<typeof readSafetensors>) => void): Uint8Array {
  const parts = readSafetensors(encodeTaskFile(sampleArtifact()));
  change(parts);
  return writeSafetensors(parts.tensors, parts.metadata);
}

const UNREADABLE: Record<string, [Uint8Array, ErrorCode]> = {
  'a file of weights': [altered(({ metadata }) => delete metadata['taps.format']), 'model-malformed'],
  'a newer format': [altered(({ metadata }) => void (metadata['taps.format'] = '99')), 'model-unsupported'],
  'format 2 around what format 1 holds': [altered(({ metadata }) => void (metadata['taps.format'] = '2')), 'model-malformed'],
  'an unknown method': [altered(({ metadata }) => void (metadata['taps.method'] = 'lora')), 'model-malformed'],
  'metadata that is not JSON': [altered(({ metadata }) => void (metadata['taps.layers'] = '{')), 'model-malformed'],
  'metadata of another shape': [altered(({ metadata }) => void (metadata['taps.layers'] = '[{"name":"x"}]')), 'model-malformed'],
  'an image size out of range': [altered(({ metadata }) => void (metadata['taps.preprocessing'] = metadata['taps.preprocessing']?.replace('32', '1000000') ?? '')), 'model-malformed'],
  'no head': [altered(({ tensors }) => tensors.delete('head.bias')), 'model-malformed'],
  'a foreign tensor': [altered(({ tensors }) => tensors.set('optimizer', { dtype: 'float32', shape: [1], data: new Float32Array(1) })), 'model-malformed'],
  'an integer head': [altered(({ tensors }) => tensors.set('head.bias', { dtype: 'int32', shape: [3], data: new Int32Array(3) })), 'model-malformed'],
};
for (const [title, [bytes, code]] of Object.entries(UNREADABLE)) {
  test(`refuses to read ${title}`, () => {
    assert.throws(() => decodeTaskFile(bytes), coded(code));
  });
}
