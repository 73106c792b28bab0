/** @file From stored changes to weights: against the equations written out, and what does not fit. */
import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { TapsError } from '../../src-main/contract/errors.ts';
import { elementCount, type FloatTensor } from '../../src-main/contract/tensors.ts';
import type { WeightTransform } from '../../src-main/contract/training.ts';
import { bitAt, isPacked, packBits, packedLength } from '../../src-main/core/bits.ts';
import { effectiveWeight, matrixShape, type WeightChanges } from '../../src-main/core/effective-weight.ts';

const none = (): WeightChanges => ({ deltas: new Map(), replaced: new Map(), transforms: new Map() });
const changed = (transform: WeightTransform): WeightChanges => ({ ...none(), transforms: new Map([['w', transform]]) });

const numbers = (count: number): fc.Arbitrary<Float32Array> =>
  fc.array(fc.float({ min: -4, max: 4, noNaN: true }), { minLength: count, maxLength: count }).map((list) => Float32Array.from(list));
const tensor = (shape: readonly number[]): fc.Arbitrary<FloatTensor> => numbers(elementCount(shape)).map((data) => ({ shape, data }));
const size = fc.integer({ min: 1, max: 5 });
const weightShape = fc.oneof(fc.tuple(size), fc.tuple(size, size), fc.tuple(size, size, size, size));

/** Σ over k in float64: what exact arithmetic gives within a few float32 roundings. */
function dot(left: Float32Array, right: Float32Array, row: number, column: number, inner: number, columns: number): number {
  let sum = 0;
  for (let k = 0; k < inner; k++) sum += (left[row * inner + k] ?? 0) * (right[k * columns + column] ?? 0);
  return sum;
}

function assertClose(actual: Float32Array, expected: (index: number) => number, count: number): void {
  assert.equal(actual.length, count);
  actual.forEach((value, index) => {
    assert.ok(Math.abs(value - expected(index)) <= 1e-4, `element ${String(index)}: ${String(value)}, expected ${String(expected(index))}`);
  });
}

describe('effective weight', () => {
  test('nothing stored is the base, a δ is added in float32, a value takes its place', () => {
    fc.assert(
      fc.property(weightShape.chain((shape) => fc.tuple(tensor(shape), tensor(shape))), ([own, other]) => {
        assert.equal(effectiveWeight('w', own, none()), own);
        const sum = effectiveWeight('w', own, { ...none(), deltas: new Map([['w', other]]) });
        assert.deepEqual(sum, { shape: own.shape, data: own.data.map((value, index) => Math.fround(value + (other.data[index] ?? 0))) });
        assert.equal(effectiveWeight('w', own, { ...none(), replaced: new Map([['w', other]]) }), other);
      }),
    );
  });

  test('a low-rank change adds left·right', () => {
    const cases = weightShape.chain((shape) => {
      const { rows, columns } = matrixShape(shape);
      return fc.integer({ min: 1, max: Math.min(rows, columns) }).chain((rank) => fc.tuple(tensor(shape), tensor([rows, rank]), tensor([rank, columns])));
    });
    fc.assert(
      fc.property(cases, ([own, left, right]) => {
        const { columns } = matrixShape(own.shape);
        const before = own.data.slice();
        const { shape, data } = effectiveWeight('w', own, changed({ kind: 'low-rank', left, right }));
        assert.deepEqual([shape, own.data], [own.shape, before]);
        assertClose(data, (index) => (own.data[index] ?? 0) + dot(left.data, right.data, Math.floor(index / columns), index % columns, left.shape[1] ?? 0, columns), own.data.length);
      }),
    );
  });

  test('a modulator multiplies from the left; the identity changes nothing', () => {
    fc.assert(
      fc.property(weightShape.chain((shape) => fc.tuple(tensor(shape), tensor([shape[0], shape[0]]))), ([own, matrix]) => {
        const { rows, columns } = matrixShape(own.shape);
        const { data } = effectiveWeight('w', own, changed({ kind: 'modulator', matrix }));
        assertClose(data, (index) => dot(matrix.data, own.data, Math.floor(index / columns), index % columns, rows, columns), own.data.length);
        const identity = { shape: [rows, rows], data: Float32Array.from({ length: rows * rows }, (_, index) => (index % (rows + 1) === 0 ? 1 : 0)) };
        // −0 + 0 is 0: equal as numbers, which is what a convolution sees.
        effectiveWeight('w', own, changed({ kind: 'modulator', matrix: identity })).data.forEach((value, index) => {
          assert.ok(value === own.data[index]);
        });
      }),
    );
  });

  test('sums are rounded to float32 after every addition, in ascending order', () => {
    const own = { shape: [1, 1], data: Float32Array.of(0) };
    const left = { shape: [1, 3], data: Float32Array.of(1, 1, 1) };
    const right = { shape: [3, 1], data: Float32Array.of(2 ** 24, 1, 1) };
    assert.deepEqual([...effectiveWeight('w', own, changed({ kind: 'low-rank', left, right })).data], [2 ** 24]);
    const turned = { shape: [3, 1], data: Float32Array.of(1, 1, 2 ** 24) };
    assert.deepEqual([...effectiveWeight('w', own, changed({ kind: 'low-rank', left, right: turned })).data], [2 ** 24 + 2]);
  });

  test('a mask keeps the weights whose bit is set', () => {
    fc.assert(
      fc.property(weightShape.chain((shape) => fc.tuple(tensor(shape), fc.array(fc.boolean(), { minLength: elementCount(shape), maxLength: elementCount(shape) }))), ([own, kept]) => {
        const bits = packBits(kept.length, (index) => kept[index] === true);
        const { data } = effectiveWeight('w', own, changed({ kind: 'mask', bits }));
        assert.deepEqual(data, own.data.map((value, index) => (kept[index] === true ? value : 0)));
      }),
    );
  });

  test('what does not fit the base is refused with both shapes', () => {
    const own = { shape: [4, 2, 3, 3], data: new Float32Array(72) };
    const matrix = (rows: number, columns: number): FloatTensor => ({ shape: [rows, columns], data: new Float32Array(rows * columns) });
    const wrong: WeightChanges[] = [
      { ...none(), deltas: new Map([['w', { shape: [72], data: new Float32Array(72) }]]) },
      { ...none(), replaced: new Map([['w', { shape: [2, 4, 3, 3], data: new Float32Array(72) }]]) },
      changed({ kind: 'low-rank', left: matrix(4, 2), right: matrix(3, 18) }),
      changed({ kind: 'low-rank', left: matrix(18, 2), right: matrix(2, 4) }),
      changed({ kind: 'modulator', matrix: matrix(3, 3) }),
      changed({ kind: 'modulator', matrix: { shape: [16], data: new Float32Array(16) } }),
      changed({ kind: 'mask', bits: new Uint8Array(8) }),
    ];
    for (const changes of wrong) {
      assert.throws(() => effectiveWeight('w', own, changes), (error: unknown) => error instanceof TapsError && error.code === 'base-mismatch' && error.message.includes('[4, 2, 3, 3]'));
    }
  });
});

test('bits: packed and read again, nothing behind the last', () => {
  fc.assert(
    fc.property(fc.array(fc.boolean(), { maxLength: 70 }), (bits) => {
      const bytes = packBits(bits.length, (index) => bits[index] === true);
      assert.deepEqual(bits, bits.map((_, index) => bitAt(bytes, index)));
      assert.equal(bytes.length, packedLength(bits.length));
      assert.ok(isPacked(bytes, bits.length));
      assert.ok(!isPacked(Uint8Array.of(...bytes, 0), bits.length));
      if (bits.length % 8 !== 0) {
        const beyond = bytes.slice();
        beyond[bytes.length - 1] = (beyond.at(-1) ?? 0) | 0x80;
        assert.ok(!isPacked(beyond, bits.length));
      }
    }),
  );
});
