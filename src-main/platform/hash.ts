/** @file SHA-256 of bytes and of files. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { storageError } from './storage-error.ts';

/** Hex SHA-256. */
export function sha256OfBytes(bytes: Uint8Array | string): string {
  return createHash('sha256').update(bytes).digest('hex');
}

/**
 * Hex SHA-256 of a file, read in pieces.
 * @throws TapsError `io-failed`
 */
export async function sha256OfFile(path: string): Promise<string> {
  const hash = createHash('sha256');
  try {
    for await (const chunk of createReadStream(path, { highWaterMark: 1024 * 1024 })) hash.update(chunk as Uint8Array);
  } catch (error) {
    throw storageError(error, 'read', path);
  }
  return hash.digest('hex');
}
