/** @file Use-case: a zip archive of pictures becomes a folder. The codec child reads the archive: it may be hostile. */
import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { ARCHIVE_RECORD, type ArchiveRecord } from '../codec/protocol.ts';
import type { QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import { isErrno, nodeFileSystem } from '../platform/file-system.ts';
import { storageError } from '../platform/storage-error.ts';
import { withRequestChild } from '../supervisor/request-child.ts';
import { archiveFolder } from './archive-folders.ts';
import type { CountProgress, Library } from './open-library.ts';

export interface UnpackOptions {
  /** In bytes. */
  onProgress?: CountProgress | undefined;
  signal?: AbortSignal | undefined;
}

export interface UnpackedArchive {
  /** Where the pictures are: the target, or the only folder in it. */
  folder: string;
  files: number;
  bytes: number;
  /** Pictures and tables of the archive that were not written; paths relative to `folder`. */
  leftOut: QuarantinedImage[];
}

const recordSchema: z.ZodType<ArchiveRecord> = z.strictObject({
  version: z.literal(1),
  files: z.number().int().min(0),
  bytes: z.number().min(0),
  leftOut: z.array(z.strictObject({ path: z.string(), reason: z.string() })),
});

/** Whether a file begins as zip archives do, whatever it is called. */
export async function isArchive(path: string): Promise<boolean> {
  const file = await open(path).catch(() => undefined);
  if (file === undefined) return false;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0);
    // A first file, or the end of an archive without files.
    return bytesRead === 4 && [0x04034b50, 0x06054b50].includes(buffer.readUInt32LE(0));
  } catch {
    return false;
  } finally {
    await file.close();
  }
}

/**
 * All or nothing: the target appears when every file is written and flushed. One that is there already from the same work is taken as it is.
 * @param targetFolder absolute; its parent is made where absent
 * @throws TapsError `dataset-invalid` for what is no archive or a hostile one, `already-exists`, `disk-full`, `cancelled`, …
 */
export async function unpackArchive(archive: string, targetFolder: string, { onProgress, signal }: UnpackOptions = {}): Promise<UnpackedArchive> {
  const known = await readUnpacked(targetFolder);
  if (known !== undefined) return known;
  if ((await stat(targetFolder).catch(() => undefined)) !== undefined) {
    throw new TapsError('already-exists', `There is something else at ${targetFolder}.`, 'Choose another folder.');
  }
  const temporary = `${targetFolder}.${randomUUID()}.partial`;
  try {
    await mkdir(temporary, { recursive: true }).catch((error: unknown) => {
      throw storageError(error, 'make the folder', temporary);
    });
    await withRequestChild('codec', (child) =>
      child.request('unpack', { archive, folder: temporary }, { ...(onProgress === undefined ? {} : { onProgress }), ...(signal === undefined ? {} : { signal }) }),
    );
    // The last answer may have overtaken the wish to stop.
    if (signal?.aborted === true) throw new TapsError('cancelled', 'Unpacking the archive was cancelled.', 'Choose it again when you are ready.');
    await publish(temporary, targetFolder);
  } finally {
    await rm(temporary, { recursive: true, force: true });
  }
  const unpacked = await readUnpacked(targetFolder);
  if (unpacked === undefined) throw new TapsError('io-failed', `The unpacked folder ${targetFolder} is not complete.`, 'Check that the drive is connected and healthy, then try again.');
  return unpacked;
}

/**
 * Unpacks into the library, once per content: a task's pictures stay where its dataset points to, whatever becomes of the archive.
 * @param onStage what is being done; total 0 while unknown
 */
export async function unpackIntoLibrary(library: Library, archive: string, { onStage, signal }: { onStage?: ((stage: 'reading' | 'unpacking', done: number, total: number) => void) | undefined; signal?: AbortSignal | undefined } = {}): Promise<UnpackedArchive> {
  onStage?.('reading', 0, 0);
  const sha256 = await withRequestChild('codec', (child) => child.request('hashFile', { path: archive }, signal === undefined ? {} : { signal }));
  return unpackArchive(archive, archiveFolder(library, String(sha256)), { onProgress: (done, total) => onStage?.('unpacking', done, total), signal });
}

async function publish(temporary: string, target: string): Promise<void> {
  try {
    await rename(temporary, target);
    await nodeFileSystem.syncFolder(dirname(target));
  } catch (error) {
    // Somebody else has unpacked the same archive meanwhile; the caller looks at what is there.
    if (isErrno(error, 'ENOTEMPTY', 'EEXIST', 'EPERM') && (await readUnpacked(target)) !== undefined) return;
    throw storageError(error, 'write', target);
  }
}

/** A folder that `unpackArchive` has finished. */
async function readUnpacked(target: string): Promise<UnpackedArchive | undefined> {
  try {
    const { files, bytes, leftOut } = recordSchema.parse(JSON.parse(await readFile(join(target, ARCHIVE_RECORD), 'utf8')));
    const entries = (await readdir(target, { withFileTypes: true })).filter(({ name }) => !name.startsWith('.'));
    const [only] = entries;
    if (entries.length !== 1 || only?.isDirectory() !== true) return { folder: target, files, bytes, leftOut };
    const prefix = `${only.name}/`;
    return { folder: join(target, only.name), files, bytes, leftOut: leftOut.map(({ path, reason }) => ({ path: path.startsWith(prefix) ? path.slice(prefix.length) : path, reason })) };
  } catch {
    return undefined;
  }
}
