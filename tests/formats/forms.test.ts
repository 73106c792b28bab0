/** @file Stored forms: known bytes, exact decoding, errors that stay within each form's bound, whatever the numbers. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import type { FloatTensor } from '../../src-main/contract/tensors.ts';
import { RandomStream } from '../../src-main/core/random.ts';
import { decodeTensor, encodeTensor, formEntrySchema, formName, tensorLengths, type FormEntry, type FormSpec } from '../../src-main/formats/forms/form.ts';
import { floatToHalf, halfToFloat, powerOfTwo, sharedExponent } from '../../src-main/formats/forms/half.ts';
import { compress } from '../../src-main/formats/zstd.ts';
import { largestPositions } from '../../src-main/formats/forms/sparse.ts';
import { StreamReader, STREAMS, StreamWriter, type StreamName } from '../../src-main/formats/forms/streams.ts';

const SPECS: Record<string, FormSpec> = {
  float32: { form: 'float32' },
  float16: { form: 'float16' },
  int8: { form: 'int8' },
  int4: { form: 'int4', levels: 7 },
  int3: { form: 'int4', levels: 3 },
  quinary: { form: 'int4', levels: 2 },
  ternary: { form: 'int4', levels: 1 },
  'int4 of a step': { form: 'int4', levels: 7, step: 0.8 },
  sign: { form: 'sign' },
  'sparse float16': { form: 'sparse', density: 0.25, values: 'float16' },
  'sparse int8': { form: 'sparse', density: 0.1, values: 'int8' },
  'sparse sign': { form: 'sparse', density: 0.1, values: 'sign' },
};

function encode(tensor: FloatTensor, spec: FormSpec): { entry: FormEntry; streams: Map<StreamName, Uint8Array> } {
  const out = new StreamWriter();
  const entry = encodeTensor(tensor, spec, out);
  return { entry, streams: new Map(out.finish()) };
}

function roundTrip(tensor: FloatTensor, spec: FormSpec): Float32Array {
  const { entry, streams } = encode(tensor, spec);
  assert.deepEqual(formEntrySchema.parse(JSON.parse(JSON.stringify(entry))), entry, 'the index holds all that is needed');
  const lengths = tensorLengths(entry, tensor.shape);
  for (const name of STREAMS) assert.equal(streams.get(name)?.length ?? 0, lengths[name] ?? 0, `announced length of ${name}`);
  return decodeTensor(entry, tensor.shape, new StreamReader(streams), 'x');
}

const finite = fc.float({ noNaN: true, noDefaultInfinity: true });
const tensors = fc
  .tuple(fc.integer({ min: 1, max: 6 }), fc.integer({ min: 1, max: 40 }), fc.boolean())
  .chain(([rows, columns, vector]) => fc.array(finite, { minLength: rows * columns, maxLength: rows * columns }).map((values): FloatTensor => ({ shape: vector ? [rows * columns] : [rows, columns], data: Float32Array.from(values) })));

const rowOf = ({ shape, data }: FloatTensor, index: number): Float32Array => {
  const columns = shape.length < 2 ? data.length : data.length / (shape[0] ?? 1);
  const row = Math.floor(index / columns);
  return data.subarray(row * columns, (row + 1) * columns);
};
const largestOf = (values: Float32Array): number => values.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0);

describe('float16 with a power of two', () => {
  test('every float16 comes back from its own value; ties go to even; too large is infinity', () => {
    for (let bits = 0; bits < 0x1_0000; bits++) {
      const value = halfToFloat(bits);
      if (Number.isNaN(value)) assert.ok(Number.isNaN(halfToFloat(floatToHalf(value))));
      else assert.equal(floatToHalf(value), bits);
    }
    const known: [number, number][] = [[1 + 2 ** -11, 0x3c00], [1 + 3 * 2 ** -11, 0x3c02], [65519.996, 0x7bff], [65520, 0x7c00], [2 ** -25, 0], [2 ** -25 * 1.0001, 1], [-(2 ** -26), 0x8000], [2 ** -24 * 1.5, 2], [2 ** -14 - 2 ** -26, 0x400]];
    for (const [value, bits] of known) assert.equal(floatToHalf(value), bits, String(value));
  });

  test('agrees with the nearest of all float16 numbers', () => {
    fc.assert(
      fc.property(fc.float({ min: -65000, max: 65000, noNaN: true }), (value) => {
        const bits = floatToHalf(value);
        const error = Math.abs(halfToFloat(bits) - value);
        for (const other of [bits - 1, bits + 1]) {
          const neighbour = halfToFloat(other & 0xffff);
          if (Number.isFinite(neighbour)) assert.ok(Math.abs(neighbour - value) >= error);
        }
      }),
      { numRuns: 2000 },
    );
  });

  test('the largest number lands in [2^14, 2^15)', () => {
    fc.assert(fc.property(finite, (value) => {
      if (value === 0) return;
      const scaled = Math.abs(value) * powerOfTwo(-sharedExponent(Math.abs(value)));
      assert.ok(scaled >= 2 ** 14 && scaled < 2 ** 15, `${String(value)} → ${String(scaled)}`);
    }));
  });
});

describe('known bytes', () => {
  const tensor: FloatTensor = { shape: [2, 4], data: Float32Array.of(1, -1, 0.5, 0, 2, 4, -8, 0.125) };
  const cases: [string, FormEntry, Partial<Record<StreamName, number[]>>, number[]][] = [
    // Largest 8 = 2^3, so e = 3 − 14: 1 becomes 2^11 = 0x6800.
    ['float16', { form: 'float16', exponent: -11 }, { half0: [0, 0, 0, 0, 0, 0, 0, 0], half1: [0x68, 0xe8, 0x64, 0, 0x6c, 0x70, 0xf4, 0x5c] }, [1, -1, 0.5, 0, 2, 4, -8, 0.125]],
    // Means 0.625 and 3.53125: e = −13; 0.625·2^13 = 5120 = 0x6d00, 3.53125·2^13 = 28928 = 0x7710.
    ['sign', { form: 'sign', exponent: -13 }, { bits: [0b0100_0010], scale0: [0x00, 0x10], scale1: [0x6d, 0x77] }, [0.625, -0.625, 0.625, 0.625, 3.53125, 3.53125, -3.53125, 3.53125]],
    // Two of eight: 4 and −8, five zeros before the first.
    ['sparse 25 % sign', { form: 'sparse', count: 2, gapBytes: 2, values: 'sign', exponent: -12 }, { gaps: [5, 0], bits: [0b10], scale0: [0, 0], scale1: [0, 0x76] }, [0, 0, 0, 0, 0, 6, -6, 0]],
    ['sparse 25 % float16', { form: 'sparse', count: 2, gapBytes: 2, values: 'float16', exponent: -11 }, { gaps: [5, 0], half0: [0, 0], half1: [0x70, 0xf4] }, [0, 0, 0, 0, 0, 4, -8, 0]],
  ];
  const specs: FormSpec[] = [{ form: 'float16' }, { form: 'sign' }, { form: 'sparse', density: 0.25, values: 'sign' }, { form: 'sparse', density: 0.25, values: 'float16' }];
  for (const [position, [name, entry, streams, values]] of cases.entries()) {
    test(name, () => {
      const encoded = encode(tensor, specs[position] ?? { form: 'float32' });
      assert.deepEqual(encoded.entry, entry);
      assert.deepEqual(Object.fromEntries([...encoded.streams].map(([stream, bytes]) => [stream, [...bytes]])), streams);
      assert.deepEqual([...decodeTensor(entry, tensor.shape, new StreamReader(encoded.streams), 'x')], values);
      assert.equal(formName(entry, tensor.shape), name);
    });
  }

  test('int8 and int4: codes of a row whose scale is a power of two', () => {
    const row: FloatTensor = { shape: [1, 3], data: Float32Array.of(127, -64, 0.4) };
    const eight = encode(row, { form: 'int8' });
    assert.deepEqual([[...(eight.streams.get('codes8') ?? [])], eight.streams.get('scale1')?.[0], eight.entry], [[127, 192, 0], 0x74, { form: 'int8', exponent: -14 }]);
    assert.deepEqual([...decodeTensor(eight.entry, row.shape, new StreamReader(eight.streams), 'x')], [127, -64, 0]);
    const levels: FloatTensor = { shape: [1, 5], data: Float32Array.of(7, -3, 0, 1, -7) };
    const four = encode(levels, { form: 'int4', levels: 7 });
    assert.deepEqual([...(four.streams.get('codes4') ?? [])], [0x5f, 0x98, 0x01], 'code + 8, low nibble first');
    assert.deepEqual([...decodeTensor(four.entry, levels.shape, new StreamReader(four.streams), 'x')], [7, -3, 0, 1, -7]);
  });

  test('gaps of 255 and more', () => {
    const data = new Float32Array(1000);
    data[255] = 1;
    data[256] = -2;
    data[766] = 3;
    const { entry, streams } = encode({ shape: [1000], data }, { form: 'sparse', density: 0.003, values: 'float16' });
    assert.deepEqual([...(streams.get('gaps') ?? [])], [255, 0, 0, 255, 254]);
    assert.deepEqual(decodeTensor(entry, [1000], new StreamReader(streams), 'x'), data);
  });
});

describe('any finite numbers', () => {
  for (const [name, spec] of Object.entries(SPECS)) {
    test(`${name}: finite, of its length, the same twice, and its own numbers lose nothing where the form has them`, () => {
      fc.assert(fc.property(tensors, (tensor) => {
        const values = roundTrip(tensor, spec);
        assert.equal(values.length, tensor.data.length);
        assert.ok(values.every(Number.isFinite));
        assert.deepEqual(roundTrip(tensor, spec), values);
        if (spec.form === 'float32' || spec.form === 'float16') assert.deepEqual(roundTrip({ shape: tensor.shape, data: values }, spec), values);
        if (spec.form === 'float32') assert.deepEqual(values, tensor.data);
      }), { numRuns: 150 });
    });
  }

  test('float16 is within 2^-11 of every number that is not tiny beside the largest', () => {
    fc.assert(fc.property(tensors, (tensor) => {
      const values = roundTrip(tensor, { form: 'float16' });
      const floor = Math.max(largestOf(tensor.data) * 2 ** -28, 2 ** -126);
      tensor.data.forEach((value, index) => { assert.ok(Math.abs((values[index] ?? 0) - value) <= Math.max(Math.abs(value), floor) * 2 ** -11, String(value)); });
    }));
  });

  test('int8 is within half a step of its row', () => {
    fc.assert(fc.property(tensors, (tensor) => {
      const values = roundTrip(tensor, { form: 'int8' });
      const floor = largestOf(tensor.data) * 2 ** -27 + 2 ** -140;
      tensor.data.forEach((value, index) => {
        const step = largestOf(rowOf(tensor, index)) / 127;
        assert.ok(Math.abs((values[index] ?? 0) - value) <= 0.5 * step * 1.07 + floor, `${String(value)} → ${String(values[index])}`);
      });
    }));
  });

  test('searched scales have no larger squared error than largest / levels, the plain choice', () => {
    const stream = new RandomStream(7, 'factors');
    for (const levels of [7, 3, 2, 1] as const) {
      let searched = 0;
      let plain = 0;
      for (let row = 0; row < 200; row++) {
        const numbers = Array.from({ length: 32 }, () => stream.normal());
        const tensor: FloatTensor = { shape: [1, 32], data: Float32Array.from(numbers) };
        const step = largestOf(tensor.data) / levels;
        const values = roundTrip(tensor, { form: 'int4', levels });
        tensor.data.forEach((value, index) => {
          searched += ((values[index] ?? 0) - value) ** 2;
          plain += (value - (step === 0 ? 0 : step * Math.round(value / step))) ** 2;
        });
      }
      assert.ok(searched < plain, `${String(levels)} levels: ${String(searched)} against ${String(plain)}`);
    }
  });

  test('steps of a fixed size take fewer packed bytes than few levels and lose less', () => {
    const stream = new RandomStream(8, 'factors');
    const tensor: FloatTensor = { shape: [8, 4096], data: Float32Array.from({ length: 8 * 4096 }, () => stream.normal()) };
    const costOf = (spec: FormSpec): { bytes: number; error: number } => {
      const bytes = compress(encode(tensor, spec).streams.get('codes4') ?? new Uint8Array()).length;
      return { bytes, error: roundTrip(tensor, spec).reduce((sum, value, index) => sum + (value - (tensor.data[index] ?? 0)) ** 2, 0) };
    };
    const levels = costOf({ form: 'int4', levels: 3 });
    const steps = costOf({ form: 'int4', levels: 7, step: 0.75 });
    assert.ok(steps.bytes < levels.bytes && steps.error < 0.95 * levels.error, JSON.stringify({ levels, steps }));
  });

  test('sign keeps every sign and the mean magnitude of a row', () => {
    fc.assert(fc.property(tensors, (tensor) => {
      const values = roundTrip(tensor, { form: 'sign' });
      tensor.data.forEach((value, index) => { assert.ok((values[index] ?? 0) * Math.sign(value) >= 0); });
      const row = rowOf(tensor, 0);
      const mean = row.reduce((sum, value) => sum + Math.abs(value), 0) / row.length;
      assert.ok(Math.abs(Math.abs(values[0] ?? 0) - mean) <= mean * 2 ** -10 + largestOf(tensor.data) * 2 ** -37 + 2 ** -140);
    }));
  });

  test('sparse keeps the largest numbers, first ones of equals, as a sort says', () => {
    const few = fc.array(fc.constantFrom(0, 1, -1, 0.5, 2, -0.25, 3e-39, -0), { minLength: 1, maxLength: 60 });
    fc.assert(fc.property(fc.oneof(few, fc.array(finite, { minLength: 1, maxLength: 60 })), fc.double({ min: 0, max: 1, noNaN: true }), (numbers, share) => {
      const data = Float32Array.from(numbers);
      const count = Math.max(1, Math.round(share * data.length));
      const sorted = [...data.keys()].sort((a, b) => Math.abs(data[b] ?? 0) - Math.abs(data[a] ?? 0) || a - b).slice(0, count).sort((a, b) => a - b);
      assert.deepEqual([...largestPositions(data, count)], sorted);
    }));
  });
});
