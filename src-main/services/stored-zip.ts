/** @file Writes a zip archive whose files are stored as they are: weights do not shrink, and every program can open it. */
import { crc32 } from 'node:zlib';
import { TapsError } from '../contract/errors.ts';

export interface StoredFile {
  /** '/' separated, without a leading one. */
  name: string;
  bytes: Uint8Array;
}

/** What the 32-bit fields of a zip archive can say. */
const MOST_BYTES = 0xffff_ffff;
/** "Names are UTF-8". */
const FLAGS = 0x800;
/** 2.0: folders and stored files. */
const VERSION = 20;
/** 1 January 1980: the same files make the same archive whenever it is written. */
const DATE = 0x21;

/**
 * The archive in pieces, so that weights are not copied.
 * @throws TapsError `usage` when it would not fit into the format's 4 GiB
 */
export function storedZip(files: readonly StoredFile[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  const directory: Uint8Array[] = [];
  let offset = 0;
  for (const { name, bytes } of files) {
    const encoded = new TextEncoder().encode(name);
    const shared = fields([VERSION, 2], [FLAGS, 2], [0, 2], [0, 2], [DATE, 2], [crc32(bytes), 4], [bytes.length, 4], [bytes.length, 4], [encoded.length, 2], [0, 2]);
    pieces.push(fields([0x04034b50, 4]), shared, encoded, bytes);
    directory.push(fields([0x02014b50, 4], [VERSION, 2]), shared, fields([0, 2], [0, 2], [0, 2], [0, 4], [offset, 4]), encoded);
    offset += 4 + shared.length + encoded.length + bytes.length;
    requireRoomFor(offset);
  }
  const directoryBytes = directory.reduce((sum, { length }) => sum + length, 0);
  requireRoomFor(offset + directoryBytes);
  return [...pieces, ...directory, fields([0x06054b50, 4], [0, 2], [0, 2], [files.length, 2], [files.length, 2], [directoryBytes, 4], [offset, 4], [0, 2])];
}

function requireRoomFor(bytes: number): void {
  if (bytes > MOST_BYTES) throw new TapsError('usage', `A packed file of ${String(bytes)} bytes is more than the ${String(MOST_BYTES)} that one file can hold.`, 'Pack the task as a folder.');
}

function fields(...values: readonly [value: number, size: 2 | 4][]): Uint8Array {
  const out = new Uint8Array(values.reduce((sum, [, size]) => sum + size, 0));
  const view = new DataView(out.buffer);
  let at = 0;
  for (const [value, size] of values) {
    if (size === 2) view.setUint16(at, value, true);
    else view.setUint32(at, value, true);
    at += size;
  }
  return out;
}
