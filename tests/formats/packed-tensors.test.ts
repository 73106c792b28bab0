/** @file Encoded task files: round trips in every form, equal bytes, and files made to do harm. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { constants, zstdCompressSync } from 'node:zlib';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { HostTensor } from '../../src-main/contract/tensors.ts';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import { packBits } from '../../src-main/core/bits.ts';
import type { FormSpec } from '../../src-main/formats/forms/form.ts';
import { MAX_PACKED_ELEMENTS, packTensors, unpackTensors } from '../../src-main/formats/packed-tensors.ts';
import { readSafetensors, writeSafetensors } from '../../src-main/formats/safetensors.ts';
import { checkAgainstBase } from '../../src-main/formats/task-artifact-check.ts';
import { decodeTaskFile, encodeTaskFile, storedForms } from '../../src-main/formats/task-file.ts';
import { sampleArtifact } from '../library/sample-library.ts';

const coded = (code: ErrorCode, pattern: RegExp) => (error: unknown): boolean => {
  assert.ok(error instanceof TapsError, String(error));
  assert.equal(error.code, code, error.message);
  assert.match(error.message, pattern);
  return true;
};

const SPECS: FormSpec[] = [
  { form: 'float32' }, { form: 'float16' }, { form: 'int8' }, { form: 'int4', levels: 7 }, { form: 'int4', levels: 3 }, { form: 'int4', levels: 2 }, { form: 'int4', levels: 1 }, { form: 'sign' },
  { form: 'sparse', density: 0.2, values: 'float16' }, { form: 'sparse', density: 0.2, values: 'int8' }, { form: 'sparse', density: 0.2, values: 'sign' },
];

/** With a mask, a difference of a normalisation parameter and a bias that stays a value. */
function encodable(): TaskArtifact {
  const artifact = structuredClone(sampleArtifact());
  artifact.layers = artifact.layers.map((layer) => ({ ...layer, open: true }));
  artifact.transforms.set('conv1.weight', { kind: 'mask', bits: packBits(108, (index) => index % 3 > 0) });
  artifact.deltas.set('norm.weight', { shape: [4], data: Float32Array.of(0.5, -0.25, 0, 3) });
  artifact.replaced.clear();
  return artifact;
}

describe('encoded task files', () => {
  test('float32 comes back to the bit, with everything else of the task; the same bytes twice', () => {
    const artifact = encodable();
    const bytes = encodeTaskFile(artifact, () => ({ form: 'float32' }));
    const read = decodeTaskFile(bytes);
    assert.deepEqual(read, artifact);
    assert.deepEqual(encodeTaskFile(read, () => ({ form: 'float32' })), bytes);
    const { metadata, tensors } = readSafetensors(bytes);
    assert.deepEqual([metadata['taps.format'], metadata['taps.encoding'], [...tensors.keys()]], ['2', '1', ['index', 'payload']]);
    checkAgainstBase(read, artifact.baseId, (name) => ({ 'conv1.weight': [4, 3, 3, 3], 'conv2.weight': [4, 4, 1, 1], 'norm.weight': [4] })[name]);
  });

  for (const spec of SPECS) {
    test(`${JSON.stringify(spec)}: shapes and order stay; what the form stands for is read, and said in words`, () => {
      const artifact = encodable();
      const bytes = encodeTaskFile(artifact, () => spec);
      const read = decodeTaskFile(bytes);
      assert.deepEqual([...read.deltas].map(([name, { shape }]) => [name, shape]), [...artifact.deltas].map(([name, { shape }]) => [name, shape]));
      assert.deepEqual(decodeTaskFile(bytes), read);
      assert.deepEqual(read.transforms, artifact.transforms, 'masks lose nothing');
      assert.equal(storedForms(bytes)?.size, 5);
      assert.ok([...(storedForms(bytes) ?? [])].every(([key, form]) => (key === 'mask.conv1.weight') === (form === 'bits')));
      const written = read.deltas.get('conv2.weight')?.data ?? new Float32Array();
      const error = written.reduce((sum, value, index) => sum + (value - (artifact.deltas.get('conv2.weight')?.data[index] ?? 0)) ** 2, 0);
      assert.ok(spec.form === 'float32' ? error === 0 : error < 30, String(error));
    });
  }

  test('a plain file says nothing of forms and refuses differences of what is no layer', () => {
    assert.equal(storedForms(encodeTaskFile(sampleArtifact())), null);
    assert.throws(() => encodeTaskFile(encodable()), coded('model-malformed', /norm\.weight/));
  });

  test('a value and a difference of one parameter exclude each other', () => {
    const twice = encodable();
    twice.replaced.set('norm.weight', { shape: [4], data: new Float32Array(4) });
    assert.throws(() => encodeTaskFile(twice, () => ({ form: 'float32' })), coded('model-malformed', /norm\.weight has a value and a difference/));
  });

  test('many equal numbers take fewer bytes than they would each, and come back', () => {
    const artifact = encodable();
    artifact.head.weight = { shape: [3, 40_000], data: new Float32Array(120_000).fill(0.5) };
    const bytes = encodeTaskFile(artifact, () => ({ form: 'float16' }));
    assert.ok(bytes.length < 3000, String(bytes.length));
    assert.ok(decodeTaskFile(bytes).head.weight.data.every((value) => value === 0.5));
  });
});

const frame = (bytes: Uint8Array | string): Uint8Array => new Uint8Array(zstdCompressSync(typeof bytes === 'string' ? Buffer.from(bytes) : bytes, { params: { [constants.ZSTD_c_compressionLevel]: 3 } }));
const byteTensor = (data: Uint8Array): HostTensor => ({ dtype: 'uint8', shape: [data.length], data });

interface Hostile {
  streams: { name: string; bytes: number; packed: boolean }[];
  tensors: { key: string; shape: number[]; as: object }[];
}

/** A stored pair with this index. */
function stored(index: Hostile | string, payload: Uint8Array = new Uint8Array()): Map<string, HostTensor> {
  return new Map([['index', byteTensor(frame(typeof index === 'string' ? index : JSON.stringify(index)))], ['payload', byteTensor(payload)]]);
}

const SIGN = { form: 'sign', exponent: 0 };
const signed = (shape: number[], streams: [string, Uint8Array, boolean?][], as: object = SIGN): Map<string, HostTensor> =>
  stored({ streams: streams.map(([name, bytes, packed = false]) => ({ name, bytes: bytes.length, packed })), tensors: [{ key: 'delta.x', shape, as }] }, Buffer.concat(streams.map(([, bytes]) => bytes)));

/** Half 1.0 in one row of eight. */
const ONE_ROW: [string, Uint8Array][] = [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0x3c)], ['bits', Uint8Array.of(1)]];

describe('hostile encoded files', () => {
  test('the harmless one is read', () => {
    assert.deepEqual([...(unpackTensors(signed([8], ONE_ROW)).get('delta.x')?.data ?? [])], [-1, 1, 1, 1, 1, 1, 1, 1]);
  });

  const malformed: Record<string, [Map<string, HostTensor>, RegExp]> = {
    'index of garbage': [new Map([['index', byteTensor(Uint8Array.of(1, 2, 3))], ['payload', byteTensor(new Uint8Array())]]), /no undamaged zstd frame/],
    'index that is cut off': [new Map([['index', byteTensor(frame('{"streams":[],"tensors":[]}').subarray(0, 20))], ['payload', byteTensor(new Uint8Array())]]), /no undamaged zstd frame/],
    'bytes after the index': [new Map([['index', byteTensor(Buffer.concat([frame('{"streams":[],"tensors":[]}'), Buffer.from('more')]))], ['payload', byteTensor(new Uint8Array())]]), /4 bytes after its zstd frame/],
    'index of zeros that unpacks to 1 GiB': [new Map([['index', byteTensor(frame(new Uint8Array(2 ** 26)))], ['payload', byteTensor(new Uint8Array())]]), /more than 16777216 bytes/],
    'index that is no JSON': [stored('{'), /not JSON/],
    'no payload': [new Map([['index', byteTensor(frame('{}'))]]), /instead of index and payload/],
    'unknown form': [signed([8], ONE_ROW, { form: 'magic' }), /its index/],
    'unknown fields': [signed([8], ONE_ROW, { ...SIGN, more: 1 }), /its index/],
    'an exponent beyond float32': [signed([8], ONE_ROW, { form: 'sign', exponent: 1000 }), /its index/],
    'too many numbers': [signed([MAX_PACKED_ELEMENTS, 2], ONE_ROW), /the limit is/],
    'a product that overflows to 0': [signed([2 ** 32, 2 ** 32], ONE_ROW), /the limit is/],
    'a product beyond all numbers': [signed([2 ** 53 - 1, 2 ** 53 - 1, 2 ** 53 - 1], ONE_ROW), /the limit is/],
    'an empty tensor beside a huge one': [signed([0, 2 ** 40], ONE_ROW), /is empty/],
    'a stream that is too short': [signed([9], ONE_ROW), /stream bits has 1 bytes instead of 2/],
    'a stream that is missing': [signed([8], ONE_ROW.slice(0, 2)), /has the streams scale0, scale1 instead of/],
    'streams in another order': [signed([8], ONE_ROW.toReversed()), /has the streams bits, scale1, scale0/],
    'a frame of another length': [signed([8], [...ONE_ROW.slice(0, 2), ['bits', frame(Uint8Array.of(1, 2)), true]]), /more than 1 bytes/],
    'a frame that is shorter': [signed([16], [...ONE_ROW.slice(0, 2), ['bits', frame(Uint8Array.of(1)), true]]), /1 bytes instead of 2/],
    'a frame that unpacks to 64 MiB': [signed([8], [...ONE_ROW.slice(0, 2), ['bits', frame(new Uint8Array(2 ** 26)), true]]), /more than 1 bytes/],
    'bits after the last number': [signed([4], [...ONE_ROW.slice(0, 2), ['bits', Uint8Array.of(0x10)]]), /bits after its last number/],
    'a scale that is not a number': [signed([8], [['scale0', Uint8Array.of(1)], ['scale1', Uint8Array.of(0x7c)], ['bits', Uint8Array.of(1)]]), /scale 0 of "delta\.x" is NaN/],
    'an infinite scale': [signed([8], [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0x7c)], ['bits', Uint8Array.of(1)]]), /is Infinity/],
    'a negative scale': [signed([8], [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0xbc)], ['bits', Uint8Array.of(1)]]), /is -1/],
    'the code that int8 does not have': [signed([1], [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0x3c)], ['codes8', Uint8Array.of(0x80)]], { form: 'int8', exponent: 0 }), /code -128/],
    'a code beyond its levels': [signed([2], [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0x3c)], ['codes4', Uint8Array.of(0xa8)]], { form: 'int4', levels: 1, exponent: 0 }), /code 2 of at most 1/],
    'a code after the last': [signed([1], [['scale0', Uint8Array.of(0)], ['scale1', Uint8Array.of(0x3c)], ['codes4', Uint8Array.of(0x88)]], { form: 'int4', levels: 1, exponent: 0 }), /a code after its last one/],
    'a position beyond the tensor': [signed([4], [['half0', Uint8Array.of(0)], ['half1', Uint8Array.of(0)], ['gaps', Uint8Array.of(4)]], { form: 'sparse', count: 1, gapBytes: 1, values: 'float16', exponent: 0 }), /position 4 of 4/],
    'fewer positions than numbers': [signed([300], [['half0', Uint8Array.of(0)], ['half1', Uint8Array.of(0)], ['gaps', Uint8Array.of(255)]], { form: 'sparse', count: 1, gapBytes: 1, values: 'float16', exponent: 0 }), /0 positions instead of 1/],
    'more positions than numbers': [signed([300], [['half0', Uint8Array.of(0)], ['half1', Uint8Array.of(0)], ['gaps', Uint8Array.of(1, 1)]], { form: 'sparse', count: 1, gapBytes: 2, values: 'float16', exponent: 0 }), /more than its 1 positions/],
    'more gaps than can be': [signed([4], [['half0', Uint8Array.of(0)], ['half1', Uint8Array.of(0)], ['gaps', new Uint8Array(9)]], { form: 'sparse', count: 1, gapBytes: 9, values: 'float16', exponent: 0 }), /9 bytes of gaps/],
    'more numbers than places': [signed([4], ONE_ROW, { form: 'sparse', count: 5, gapBytes: 5, values: 'sign', exponent: 0 }), /keeps 5 of 4/],
    'a payload with more than its streams': [stored({ streams: [], tensors: [] }, new Uint8Array(3)), /its payload has 3/],
    'a tensor twice': [stored({ streams: [], tensors: [1, 2].map(() => ({ key: 'a', shape: [1], as: SIGN })) }), /twice/],
  };
  for (const [title, [tensors, pattern]] of Object.entries(malformed)) {
    test(title, () => {
      assert.throws(() => unpackTensors(tensors), coded('model-malformed', pattern));
    });
  }

  test('every cut and most flips of a real file are refused or read as some finite task, never anything else', () => {
    const bytes = encodeTaskFile(encodable(), () => ({ form: 'int4', levels: 7 }));
    for (let length = 0; length < bytes.length; length += 7) assert.throws(() => decodeTaskFile(bytes.subarray(0, length)), TapsError);
    for (let position = 0; position < bytes.length; position++) {
      const flipped = bytes.slice();
      flipped[position] = (flipped[position] ?? 0) ^ 0x55;
      try {
        const read = decodeTaskFile(flipped);
        assert.ok([...read.deltas.values()].every(({ data }) => data.every(Number.isFinite)));
      } catch (error) {
        assert.ok(error instanceof TapsError, String(error));
      }
    }
  });

  test('an unknown encoding is refused as newer; an encoded task that calls itself format 1 is refused', () => {
    const { tensors, metadata } = readSafetensors(encodeTaskFile(encodable(), () => ({ form: 'float16' })));
    assert.throws(() => decodeTaskFile(writeSafetensors(tensors, { ...metadata, 'taps.encoding': '2' })), coded('model-unsupported', /encoding "2"/));
    assert.throws(() => decodeTaskFile(writeSafetensors(tensors, { ...metadata, 'taps.format': '1' })), coded('model-malformed', /format 1 but the content of format 2/));
  });
});

test('packing is exact for what it is given: same tensors, same order', () => {
  const tensors = new Map<string, HostTensor>([
    ['b', { dtype: 'float32', shape: [2, 2], data: Float32Array.of(1, -0, 3, 2 ** -149) }],
    ['a', { dtype: 'uint8', shape: [3], data: Uint8Array.of(1, 2, 255) }],
  ]);
  assert.deepEqual(unpackTensors(packTensors(tensors, () => ({ form: 'float32' }))), tensors);
});
