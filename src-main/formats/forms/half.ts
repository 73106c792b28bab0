/** @file float16 (IEEE 754 binary16) with a shared power of two: numbers of any size at 11 bits of precision. */
import { halfToFloat } from '../../graph/host-values.ts';

export { halfToFloat };

const FLOAT = new Float32Array(1);
const BITS = new Uint32Array(FLOAT.buffer);
const DOUBLE_WORDS = new Uint32Array(2);
const DOUBLE = new Float64Array(DOUBLE_WORDS.buffer);

/**
 * Nearest float16 of float32(value), ties to even, as raw bits. Too large gives infinity, NaN stays NaN, what is below half of the
 * smallest subnormal becomes 0 with its sign.
 */
export function floatToHalf(value: number): number {
  FLOAT[0] = value;
  const bits = BITS[0] ?? 0;
  const sign = (bits >>> 16) & 0x8000;
  const exponent = ((bits >>> 23) & 0xff) - 112;
  const fraction = bits & 0x7f_ffff;
  if (exponent === 143) return sign | 0x7c00 | (fraction === 0 ? 0 : 0x200);
  if (exponent >= 31) return sign | 0x7c00;
  if (exponent > 0) return sign | rounded((exponent << 23) | fraction, 13);
  return exponent < -10 ? sign : sign | rounded(0x80_0000 | fraction, 14 - exponent);
}

/** bits / 2^shift to the nearest whole number, ties to even. A carry runs into the exponent, as it must. */
function rounded(bits: number, shift: number): number {
  const whole = bits >>> shift;
  const rest = bits - whole * 2 ** shift;
  const half = 2 ** (shift - 1);
  return rest > half || (rest === half && (whole & 1) === 1) ? whole + 1 : whole;
}

/** 2^exponent without rounding. @param exponent whole, −1022..1023 */
export function powerOfTwo(exponent: number): number {
  DOUBLE_WORDS[0] = 0;
  DOUBLE_WORDS[1] = (exponent + 1023) << 20;
  return DOUBLE[0] ?? 0;
}

/** Exponents that float32 numbers can lead to. */
export const MIN_EXPONENT = -163;
export const MAX_EXPONENT = 113;

/**
 * The power of two by which numbers are multiplied before they become float16: the largest magnitude lands in [2^14, 2^15), where
 * float16 is far from overflow and everything down to 2^−28 of it keeps 11 bits.
 * @param largest finite, ≥ 0; a float32 number
 * @returns e: numbers are stored as float16(x·2^−e); 0 for 0
 */
export function sharedExponent(largest: number): number {
  if (largest === 0) return 0;
  DOUBLE[0] = largest;
  // float32 numbers, subnormal ones too, are normal as float64.
  return (((DOUBLE_WORDS[1] ?? 0) >>> 20) & 0x7ff) - 1023 - 14;
}

const LARGEST = 3.4028234663852886e38;

/** float32(value); what rounding would carry beyond the largest float32 is the largest float32. */
export function saturated(value: number): number {
  return Math.fround(Math.min(LARGEST, Math.max(-LARGEST, value)));
}
