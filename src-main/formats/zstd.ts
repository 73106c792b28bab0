/**
 * @file Zstandard (RFC 8878), bytes in and bytes out. Node and Electron carry the same library, so this is the one file of formats/
 * besides the adapter folder that needs Node; it touches nothing outside its arguments.
 */
import { constants, zstdCompressSync, zstdDecompressSync } from 'node:zlib';
import { TapsError } from '../contract/errors.ts';

/** High enough that more brings nothing on quantised weights, low enough for networks of 100 MB. */
const LEVEL = 12;
/** log2 of the memory that a frame may make the decoder take beside its result: 16 MiB, four times what `LEVEL` uses. */
const WINDOW_LOG = 24;

/** One frame without checksum: the library keeps a SHA-256 of every file. Reverse: `decompress`. */
export function compress(bytes: Uint8Array, level = LEVEL): Uint8Array {
  return zstdCompressSync(bytes, { params: { [constants.ZSTD_c_compressionLevel]: level, [constants.ZSTD_c_checksumFlag]: 0 } });
}

/**
 * @param length of the result in bytes, known beforehand: nothing beyond it is ever allocated
 * @param what names the part for the message
 * @throws TapsError `model-malformed` for damaged frames and for frames of another length
 */
export function decompress(bytes: Uint8Array, length: number, what: string): Uint8Array {
  const result = attempt(bytes, length, what);
  if (result.length !== length) throw damaged(`${what} unpacks to ${String(result.length)} bytes instead of ${String(length)}`);
  return result;
}

/**
 * Where the length is not known beforehand.
 * @param limit in bytes
 * @throws TapsError `model-malformed` for damaged frames and for longer results
 */
export function decompressWithin(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  return attempt(bytes, limit, what);
}

function attempt(bytes: Uint8Array, limit: number, what: string): Uint8Array {
  let used: number;
  let result: Uint8Array;
  try {
    // A limit of 0 would mean none.
    const { buffer, engine } = zstdDecompressSync(bytes, { maxOutputLength: Math.max(1, limit), params: { [constants.ZSTD_d_windowLogMax]: WINDOW_LOG }, info: true }) as unknown as { buffer: Uint8Array; engine: { bytesWritten: number } };
    used = engine.bytesWritten;
    result = new Uint8Array(buffer);
  } catch (cause) {
    const long = cause instanceof RangeError;
    throw damaged(long ? `${what} unpacks to more than ${String(limit)} bytes` : `${what} is no undamaged zstd frame`, cause);
  }
  if (used !== bytes.length) throw damaged(`${what} has ${String(bytes.length - used)} bytes after its zstd frame`);
  return result;
}

function damaged(message: string, cause?: unknown): TapsError {
  return new TapsError('model-malformed', `Not a valid task file: ${message}.`, 'Get the file again from where it was made, or learn the task again.', { cause });
}
