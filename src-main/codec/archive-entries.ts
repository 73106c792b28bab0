/** @file Reading the entries of a zip archive, whatever is in it: errors in words, room on the disk, files that are whole or not there. */
import { mkdir, open, rm, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';
import { crc32 } from 'node:zlib';
import { openPromise, type Entry, type ZipFile } from 'yauzl';
import { TapsError } from '../contract/errors.ts';
import { storageError, volumeOf } from '../platform/storage-error.ts';
import { refusal } from './archive-limits.ts';

/** Room that stays free on the volume. */
const RESERVE_BYTES = 200e6;

/** What yauzl says of a broken or hostile archive becomes a refusal with its words. */
export async function withEntries<T>(archive: string, work: (zip: ZipFile) => Promise<T>): Promise<T> {
  let zip: ZipFile | undefined;
  try {
    zip = await openPromise(archive, { autoClose: false, strictFileNames: true });
    return await work(zip);
  } catch (error) {
    if (error instanceof TapsError) throw error;
    if (isSystemError(error)) throw storageError(error, 'read', archive);
    const words = error instanceof Error ? error.message : String(error);
    if (zip === undefined) throw new TapsError('dataset-invalid', `${archive} is no zip archive, or it is cut off (${words}).`, 'Copy or download it again, or choose a folder.', { cause: error });
    throw refusal(words);
  } finally {
    zip?.close();
  }
}

/** @throws TapsError `disk-full` */
export function requireRoom(folder: string, bytes: number): void {
  const volume = volumeOf(folder);
  if (volume === null || volume.freeBytes >= bytes + RESERVE_BYTES) return;
  throw new TapsError('disk-full', `The archive unpacks to ${String(bytes)} bytes; the volume at ${volume.mountPoint} has ${String(volume.freeBytes)} bytes free.`, 'Free space on that volume, or unpack it elsewhere and choose the folder.', {
    details: { neededBytes: bytes, ...volume },
  });
}

/** Writes and flushes one file. Returns why it is damaged, then without leaving a file. @throws TapsError when the disk refuses */
export async function writeEntry(zip: ZipFile, entry: Entry, path: string): Promise<string | undefined> {
  let file: FileHandle | undefined;
  try {
    await mkdir(dirname(path), { recursive: true });
    file = await open(path, 'wx', 0o644);
    const reason = await copyInto(file, zip, entry, path);
    if (reason === undefined) await file.datasync();
    else await rm(path, { force: true });
    return reason;
  } catch (error) {
    throw storageError(error, 'write', path, entry.uncompressedSize);
  } finally {
    await file?.close();
  }
}

async function copyInto(file: FileHandle, zip: ZipFile, entry: Entry, path: string): Promise<string | undefined> {
  let check = 0;
  try {
    // yauzl ends the stream with an error as soon as it is longer or shorter than announced.
    for await (const chunk of await zip.openReadStreamPromise(entry)) {
      const bytes = chunk as Uint8Array;
      check = crc32(bytes, check);
      await file.writeFile(bytes).catch((error: unknown) => {
        throw storageError(error, 'write', path, entry.uncompressedSize);
      });
    }
  } catch (error) {
    if (error instanceof TapsError || isSystemError(error)) throw error;
    return `damaged in the archive: ${error instanceof Error ? error.message : String(error)}`;
  }
  return check === entry.crc32 ? undefined : 'damaged in the archive: its checksum is another';
}

/** Of the file system; zlib's errors have numbers too, but are about the data. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && 'errno' in error && 'code' in error && typeof error.code === 'string' && !error.code.startsWith('Z_');
}
