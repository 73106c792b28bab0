/**
 * @file Arrays of float32 in half the room: float16 (IEEE 754 binary16) to the nearest, ties to even, without a scale of their own.
 * For numbers of ordinary size such as activations; weights of any size have formats/forms/half.
 */

/** Magnitudes from 65520 on would round to infinity. */
const LARGEST = 0x7bff;
const INFINITE = 0x7c00;
const SIGN = 0x8000;
/** Float32 of every float16: V8 converts a whole array four times slower. */
let decoded: Float32Array | null = null;

function table(): Float32Array {
  decoded ??= Float32Array.from(new Float16Array(Uint16Array.from({ length: 2 ** 16 }, (_, bits) => bits).buffer));
  return decoded;
}

/**
 * Bits of the nearest float16 of every value; finite values beyond the largest (±65504) become the largest, infinities and NaN stay.
 * Inverse for what float16 can hold: `fromHalves`.
 * @returns as many numbers as `values`
 */
export function toHalves(values: Float32Array): Uint16Array {
  const halves = new Uint16Array(values.length);
  new Float16Array(halves.buffer).set(values);
  for (let index = 0; index < halves.length; index++) {
    const bits = halves[index] ?? 0;
    if ((bits & ~SIGN) === INFINITE && Number.isFinite(values[index])) halves[index] = (bits & SIGN) | LARGEST;
  }
  return halves;
}

/** Writes the float32 value of every float16 to `out` from `offset` on. Exact. */
export function fromHalves(halves: Uint16Array, out: Float32Array, offset: number): void {
  const values = table();
  for (let index = 0; index < halves.length; index++) out[offset + index] = values[halves[index] ?? 0] ?? 0;
}
