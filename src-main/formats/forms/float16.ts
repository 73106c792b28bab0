/** @file Form `float16`: value = float32(float16 · 2^exponent), to the nearest, ties to even. */
import { elementCount } from '../../contract/tensors.ts';
import { floatToHalf, halfToFloat, powerOfTwo, saturated, sharedExponent } from './half.ts';
import type { StreamLengths, StreamReader, StreamWriter } from './streams.ts';

export interface Float16Entry {
  form: 'float16';
  exponent: number;
}

/** @param data finite */
export function encodeFloat16(data: Float32Array, out: StreamWriter): Float16Entry {
  const { halves, exponent } = toHalves(data);
  out.pushHalves('half0', 'half1', halves);
  return { form: 'float16', exponent };
}

/** float16 bits of x·2^−exponent for all x. */
export function toHalves(data: Float32Array): { halves: Uint16Array; exponent: number } {
  const exponent = sharedExponent(data.reduce((largest, value) => Math.max(largest, Math.abs(value)), 0));
  const factor = powerOfTwo(-exponent);
  return { halves: Uint16Array.from(data, (value) => floatToHalf(value * factor)), exponent };
}

export function fromHalves(halves: Uint16Array, exponent: number): Float32Array {
  const factor = powerOfTwo(exponent);
  return Float32Array.from(halves, (bits) => saturated(halfToFloat(bits) * factor));
}

export function float16Lengths(shape: readonly number[]): StreamLengths {
  const count = elementCount(shape);
  return { half0: count, half1: count };
}

export function decodeFloat16({ exponent }: Float16Entry, shape: readonly number[], input: StreamReader): Float32Array {
  return fromHalves(input.takeHalves('half0', 'half1', elementCount(shape)), exponent);
}
