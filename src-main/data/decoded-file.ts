/** @file A decoded picture on disk: width and height as little-endian uint32, then RGB bytes, row by row. */

export const HEADER_BYTES = 8;

export function writeHeader(file: Uint8Array, width: number, height: number): void {
  const view = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  view.setUint32(0, width, true);
  view.setUint32(4, height, true);
}

export function readHeader(file: Uint8Array): { width: number; height: number } {
  const view = new DataView(file.buffer, file.byteOffset, HEADER_BYTES);
  return { width: view.getUint32(0, true), height: view.getUint32(4, true) };
}
