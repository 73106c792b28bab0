/** @file The safetensors reader against broken and hostile files, and its writer against the reader. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import type { DType, HostTensor } from '../../src-main/contract/tensors.ts';
import { dataStartOf, MAX_HEADER_BYTES, readSafetensors, readTensorIndex, writeSafetensors } from '../../src-main/formats/safetensors.ts';

/** A file with this header text and so many data bytes; the length field can be forged. */
function file(header: string | Uint8Array, dataBytes = 0, declared?: bigint): Uint8Array {
  const text = typeof header === 'string' ? new TextEncoder().encode(header) : header;
  const bytes = new Uint8Array(8 + text.length + dataBytes);
  new DataView(bytes.buffer).setBigUint64(0, declared ?? BigInt(text.length), true);
  bytes.set(text, 8);
  return bytes;
}

const entry = (name: string, shape: string, begin: number | string, end: number | string, dtype = 'F32'): string =>
  `${JSON.stringify(name)}:{"dtype":"${dtype}","shape":${shape},"data_offsets":[${String(begin)},${String(end)}]}`;
const one = (shape: string, begin: number | string, end: number | string, dtype = 'F32'): string => `{${entry('a', shape, begin, end, dtype)}}`;

function refused(bytes: Uint8Array, code: ErrorCode = 'model-malformed'): void {
  assert.throws(() => readSafetensors(bytes), (error: unknown) => {
    assert.ok(error instanceof TapsError, String(error));
    assert.equal(error.code, code, error.message);
    assert.ok(error.message.length < 1000 && error.advice !== '');
    return true;
  });
}

const BAD_HEADERS: Record<string, Uint8Array> = {
  'empty file': new Uint8Array(0),
  'seven bytes': new Uint8Array(7),
  'length 0': file(''),
  'length 1': file('{'),
  'length 2^31': file('{}', 0, 2n ** 31n),
  'length 2^53': file('{}', 0, 2n ** 53n),
  'length 2^63': file('{}', 0, 2n ** 63n),
  'length 2^64 - 1': file('{}', 0, 2n ** 64n - 1n),
  'length beyond the file': file('{}', 0, 3n),
  'not an object': file('[]'),
  'space before the brace': file(' {}'),
  'byte order mark': file('\ufeff{}'),
  'an LFS pointer': new TextEncoder().encode('version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n'),
  'an HTML page': new TextEncoder().encode('<!DOCTYPE html><html><body>404</body></html>'),
  'bad UTF-8': file(Uint8Array.from([0x7b, 0x22, 0xff, 0x22, 0x7d])),
  'garbage after the object': file('{}x'),
  'NUL padding': file('{}\0'),
  'two objects': file('{}{}'),
  'trailing comma': file(`{${entry('a', '[0]', 0, 0)},}`),
  'nesting of 10 000': file(`{"a":${'{"b":'.repeat(10_000)}1${'}'.repeat(10_000)}}`),
  'array nesting of 10 000': file(`{"a":{"dtype":"F32","shape":${'['.repeat(10_000)}}}`),
  'exponent': file(one('[1]', 0, '4e0'), 4),
  'fraction': file(one('[1.0]', 0, 4), 4),
  'minus zero': file(one('[-0]', 0, 0)),
  'negative': file(one('[-1]', 0, 4), 4),
  'leading zero': file(one('[01]', 0, 4), 4),
  'plus': file(one('[+1]', 0, 4), 4),
  '2^53 + 1': file(one('[9007199254740993]', 0, 4), 4),
  'number in quotes': file(one('["1"]', 0, 4), 4),
  'twice the same tensor': file(`{${entry('a', '[1]', 0, 4)},${entry('a', '[1]', 4, 8)}}`, 8),
  'twice the same tensor, once escaped': file(`{${entry('a', '[1]', 0, 4)},"\\u0061":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}`, 8),
  'twice the metadata': file('{"__metadata__":{},"__metadata__":{}}'),
  'twice the same metadata key': file('{"__metadata__":{"a":"1","a":"1"}}'),
  'twice the same field': file('{"a":{"dtype":"F32","dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
  'metadata number': file('{"__metadata__":{"a":1}}'),
  'metadata object': file('{"__metadata__":{"a":{}}}'),
  'metadata array': file('{"__metadata__":[]}'),
  'unknown field': file('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}}'),
  'no dtype': file('{"a":{"shape":[0],"data_offsets":[0,0]}}'),
  'one offset': file('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0]}}'),
  'three offsets': file('{"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0,0]}}'),
  'tab in a name': file('{"a\t":{"dtype":"F32","shape":[0],"data_offsets":[0,0]}}'),
  'half a surrogate pair': file('{"__metadata__":{"a":"\\ud800"}}'),
  'bad escape': file('{"__metadata__":{"a":"\\x41"}}'),
  'endless string': file(`{"${'a'.repeat(1000)}`),
  'name as prototype member': file('{"__proto__":{"polluted":"1"}}'),
};

const BAD_BODIES: Record<string, Uint8Array> = {
  hole: file(`{${entry('a', '[1]', 0, 4)},${entry('b', '[1]', 8, 12)}}`, 12),
  overlap: file(`{${entry('a', '[2]', 0, 8)},${entry('b', '[2]', 4, 12)}}`, 12),
  'same range twice': file(`{${entry('a', '[1]', 0, 4)},${entry('b', '[1]', 0, 4)}}`, 4),
  'start above 0': file(one('[1]', 4, 8), 8),
  'end before begin': file(one('[1]', 4, 0), 4),
  'end beyond the file': file(one('[2]', 0, 8), 4),
  'trailing bytes': file(one('[1]', 0, 4), 5),
  'data without tensors': file('{}', 1),
  'shape too small': file(one('[1]', 0, 8), 8),
  'shape too large': file(one('[3]', 0, 8), 8),
  'product wraps to the right size': file(one('[4194305,4194305,211106198978564]', 0, 16), 16),
  'product overflows before a zero': file(one('[9007199254740991,9007199254740991,0]', 0, 0)),
  'dimension 2^32': file(one('[4294967296]', 0, 4), 4),
  '256 TiB claimed': file(one('[70368744177664]', 0, 281474976710656), 4),
  'unknown dtype': file(one('[1]', 0, 4, 'F31'), 4),
  'prototype name as dtype': file(one('[1]', 0, 4, 'constructor'), 4),
  'bool that is 2': Uint8Array.from([...file(one('[1]', 0, 1, 'BOOL')), 2]),
};

for (const [title, bytes] of Object.entries({ ...BAD_HEADERS, ...BAD_BODIES })) {
  test(`refuses: ${title}`, () => {
    refused(bytes);
  });
}

test('refuses a header above the limit before reading it', () => {
  refused(file('{}', MAX_HEADER_BYTES + 100, BigInt(MAX_HEADER_BYTES + 1)));
});

test('element types without a counterpart are unsupported, not malformed', () => {
  refused(file(one('[1]', 0, 2, 'BF16'), 2), 'model-unsupported');
});

test('accepts what the format allows', () => {
  assert.equal(readSafetensors(file('{}')).tensors.size, 0);
  assert.equal(readSafetensors(file('{ "a" : { "shape":[ 1 , 1 ],\n"dtype":"F32","data_offsets":[0,4] } }   ', 4)).tensors.get('a')?.shape.length, 2);
  assert.equal(readSafetensors(file(one('[]', 0, 4), 4)).tensors.get('a')?.data.length, 1, 'scalar');
  assert.equal(readSafetensors(file(one('[3,0,5]', 0, 0))).tensors.get('a')?.data.length, 0, 'zero dimension');
  const { tensors } = readSafetensors(file(`{${entry('late', '[1]', 4, 8)},${entry('early', '[1]', 0, 4)}}`, 8));
  assert.deepEqual([...tensors.keys()], ['late', 'early'], 'header order need not be data order');
  const unaligned = readSafetensors(file(`${one('[1]', 0, 4)} `, 4)).tensors.get('a');
  assert.deepEqual(unaligned?.data, new Float32Array(1));
});

test('strange names stay names', () => {
  const names = ['__proto__', 'constructor', 'toString', '../x', 'a\0b', '', 'ü😀', 'n'.repeat(1_000_000)];
  const written = writeSafetensors(new Map(names.map((name): [string, HostTensor] => [name, { dtype: 'uint8', shape: [1], data: Uint8Array.of(7) }])), JSON.parse('{"__proto__":"p","constructor":"c"}') as Record<string, string>);
  const { tensors, metadata } = readSafetensors(written);
  assert.deepEqual([...tensors.keys()], names);
  assert.equal(Object.getPrototypeOf(metadata), Object.prototype);
  assert.deepEqual(Object.entries(metadata), [['format', 'pt'], ['__proto__', 'p'], ['constructor', 'c']]);
});

test('100 000 tensors are read', () => {
  const tensors = new Map(Array.from({ length: 100_000 }, (_, index): [string, HostTensor] => [`layer.${String(index)}`, { dtype: 'int8', shape: [1], data: Int8Array.of(index % 100) }]));
  assert.equal(readSafetensors(writeSafetensors(tensors, {})).tensors.size, 100_000);
});

test('the header is padded to eight bytes, aligned tensors are views, and bytes are deterministic', () => {
  const tensors = new Map<string, HostTensor>([['weight', { dtype: 'float32', shape: [2], data: Float32Array.of(1, Number.NaN) }]]);
  const bytes = writeSafetensors(tensors, { note: 'é' });
  assert.equal(dataStartOf(bytes, bytes.length) % 8, 0);
  const read = readSafetensors(bytes);
  assert.equal(read.tensors.get('weight')?.data.buffer, bytes.buffer);
  assert.deepEqual(read.metadata, { format: 'pt', note: 'é' });
  assert.deepEqual(writeSafetensors(tensors, { note: 'é' }), bytes);
  assert.deepEqual(writeSafetensors(read.tensors, read.metadata), bytes);
});

test('the index needs the head of the file only', () => {
  const bytes = writeSafetensors(new Map([['w', { dtype: 'float32', shape: [2, 3], data: new Float32Array(6) }]]), {});
  const head = bytes.slice(0, dataStartOf(bytes.subarray(0, 8), bytes.length));
  assert.deepEqual(readTensorIndex(head, bytes.length), new Map([['w', { dtype: 'F32', shape: [2, 3] }]]));
  assert.throws(() => readTensorIndex(head, bytes.length - 1), TapsError);
});

test('the writer refuses tensors that contradict themselves', () => {
  const write = (tensor: HostTensor, name = 'a'): unknown => writeSafetensors(new Map([[name, tensor]]), {});
  assert.throws(() => write({ dtype: 'float32', shape: [3], data: new Float32Array(2) }), TapsError);
  assert.throws(() => write({ dtype: 'float32', shape: [2], data: new Int32Array(2) }), TapsError);
  assert.throws(() => write({ dtype: 'uint8', shape: [0], data: new Uint8Array(0) }, '__metadata__'), TapsError);
});

const arrays: Record<DType, (bytes: Uint8Array<ArrayBuffer>) => HostTensor['data']> = {
  float32: (b) => new Float32Array(b.buffer), float64: (b) => new Float64Array(b.buffer), float16: (b) => new Uint16Array(b.buffer),
  int64: (b) => new BigInt64Array(b.buffer), int32: (b) => new Int32Array(b.buffer), uint8: (b) => b, int8: (b) => new Int8Array(b.buffer),
  bool: (b) => b.map((value) => value & 1),
};
const tensor = fc.tuple(fc.constantFrom(...(Object.keys(arrays) as DType[])), fc.uint8Array({ minLength: 0, maxLength: 40 })).map(([dtype, raw]): HostTensor => {
  const data = arrays[dtype](new Uint8Array(Math.floor(raw.length / 8) * 8).map((_, index) => raw[index] ?? 0));
  return { dtype, shape: [1, data.length], data };
});
const tensorMap = fc.uniqueArray(fc.tuple(fc.string({ unit: 'grapheme' }).filter((name) => name !== '__metadata__'), tensor), { selector: ([name]) => name, maxLength: 8 }).map((entries) => new Map(entries));

test('property: reading what was written gives the same bits, wherever the file lies in memory', () => {
  fc.assert(
    fc.property(tensorMap, fc.dictionary(fc.string(), fc.string(), { maxKeys: 4, noNullPrototype: true }), fc.nat(8), (tensors, metadata, shift) => {
      const bytes = writeSafetensors(tensors, metadata);
      const moved = new Uint8Array(bytes.length + shift).subarray(shift);
      moved.set(bytes);
      const read = readSafetensors(moved);
      assert.deepEqual([...read.tensors.keys()], [...tensors.keys()]);
      assert.deepEqual(writeSafetensors(read.tensors, read.metadata), bytes);
    }),
    { numRuns: 200 },
  );
});

test('property: changed bytes give a tensor map or a coded refusal, never another failure', () => {
  const bytes = writeSafetensors(new Map([['a', { dtype: 'float32', shape: [2, 2], data: new Float32Array(4) }], ['b', { dtype: 'int64', shape: [], data: new BigInt64Array(1) }]]), { x: 'y' });
  fc.assert(
    fc.property(fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 }), fc.nat(bytes.length), (edits, cut) => {
      const changed = bytes.slice(0, cut % 3 === 0 ? cut : bytes.length);
      for (const [index, value] of edits) if (index < changed.length) changed[index] = value;
      try {
        readSafetensors(changed);
      } catch (error) {
        assert.ok(error instanceof TapsError, String(error));
      }
    }),
    { numRuns: 2000 },
  );
});
