/**
 * @file A decoded picture on disk: width, height and the two halves of its fingerprint as little-endian uint32, then RGB bytes, row by row.
 * A file with another header has another length, by which it is found and made anew.
 */

export const HEADER_BYTES = 16;

export interface DecodedHeader {
  width: number;
  height: number;
  /** See codec/fingerprint. */
  fingerprint: readonly [low: number, high: number];
}

export function writeHeader(file: Uint8Array, { width, height, fingerprint }: DecodedHeader): void {
  const view = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  [width, height, ...fingerprint].forEach((value, index) => {
    view.setUint32(index * 4, value, true);
  });
}

export function readHeader(file: Uint8Array): DecodedHeader {
  const view = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  return { width: view.getUint32(0, true), height: view.getUint32(4, true), fingerprint: [view.getUint32(8, true), view.getUint32(12, true)] };
}
