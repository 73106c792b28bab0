/** @file float16 of whole arrays: all values there are, against conversions that were written another way. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromHalves, toHalves } from '../../src-main/core/half-precision.ts';
import { floatToHalf, halfToFloat } from '../../src-main/formats/forms/half.ts';

const ALL = Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits);
const isNaNBits = (bits: number): boolean => (bits & 0x7c00) === 0x7c00 && (bits & 0x3ff) !== 0;

test('every float16 becomes its number, and that number becomes it again', () => {
  const out = new Float32Array(ALL.length + 2).fill(7);
  fromHalves(ALL, out, 1);
  assert.deepEqual([out[0], out[ALL.length + 1]], [7, 7], 'nothing else is written');
  const values = out.subarray(1, ALL.length + 1);
  const back = toHalves(values);
  ALL.forEach((bits) => {
    const value = values[bits] ?? 0;
    assert.ok(Object.is(value, halfToFloat(bits)), `${String(bits)}: ${String(value)}`);
    if (isNaNBits(bits)) assert.ok(isNaNBits(back[bits] ?? 0), String(bits));
    else assert.equal(back[bits], bits);
  });
});

test('numbers between two float16 go to the nearer one, ties to the even one, and beyond the largest to the largest', () => {
  const values: number[] = [];
  for (let bits = 0; bits < 0x7bff; bits++) {
    const [low, high] = [halfToFloat(bits), halfToFloat(bits + 1)];
    for (const share of [0.25, 0.5, 0.75, 0.4999, 0.5001]) values.push(low + share * (high - low), -(low + share * (high - low)));
  }
  const given = Float32Array.from(values);
  const halves = toHalves(given);
  given.forEach((value, index) => {
    if (halves[index] !== floatToHalf(value)) assert.fail(`${String(value)}: ${String(halves[index])}`);
  });
  assert.deepEqual([...toHalves(Float32Array.of(65519, 65520, 1e9, 3.4e38, -65520, -1e30, Infinity, -Infinity))], [0x7bff, 0x7bff, 0x7bff, 0x7bff, 0xfbff, 0xfbff, 0x7c00, 0xfc00]);
  assert.ok(isNaNBits(toHalves(Float32Array.of(NaN))[0] ?? 0));
});
