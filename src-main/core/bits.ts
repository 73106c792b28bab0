/** @file Bits, eight to a byte, lowest first: bit i is `bytes[i >> 3] >> (i & 7) & 1`. Bits after the last are 0. */

/** Bytes that hold `count` bits. */
export function packedLength(count: number): number {
  return Math.ceil(count / 8);
}

/** Bit i is whether `isSet(i)`. */
export function packBits(count: number, isSet: (index: number) => boolean): Uint8Array {
  const bytes = new Uint8Array(packedLength(count));
  for (let index = 0; index < count; index++) {
    if (isSet(index)) bytes[index >> 3] = (bytes[index >> 3] ?? 0) | (1 << (index & 7));
  }
  return bytes;
}

export function bitAt(bytes: Uint8Array, index: number): boolean {
  return (((bytes[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/** Whether `bytes` is what `packBits` makes of some `count` bits: right length, nothing after the last bit. */
export function isPacked(bytes: Uint8Array, count: number): boolean {
  if (bytes.length !== packedLength(count)) return false;
  const used = count % 8;
  return used === 0 || (bytes.at(-1) ?? 0) >> used === 0;
}
