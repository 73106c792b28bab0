/**
 * @file Files that are complete or absent, also after a crash:
 * unique temporary file in the same folder → write → fsync → rename → fsync of the folder.
 */
import { createHash, randomBytes } from 'node:crypto';
import { dirname, join } from 'node:path';
import { nodeFileSystem, type FileSystem } from './file-system.ts';
import { storageError } from './storage-error.ts';

/** Ending of every temporary file, so that leftovers of a killed process can be found. */
export const PARTIAL_SUFFIX = '.partial';

/** A file under a temporary name whose content is on the medium. */
export interface StagedFile {
  sizeBytes: number;
  /** Hex SHA-256 of the content. */
  sha256: string;
  /** Gives the file its name (replacing what was there) and makes that durable. The target must be on the same volume. */
  publish(target: string): Promise<void>;
  /** Removes it. */
  discard(): Promise<void>;
}

type Content = Uint8Array | AsyncIterable<Uint8Array>;

/**
 * Writes content under a temporary name in `folder`, which must exist.
 * @param mode permission bits of the file
 * @throws TapsError `disk-full`, `io-failed`; the temporary file is removed
 */
export async function stageFile(folder: string, content: Content, mode = 0o644, fileSystem: FileSystem = nodeFileSystem): Promise<StagedFile> {
  const hash = createHash('sha256');
  const staged = await stage(folder, content, { mode, fileSystem, passing: (chunk) => hash.update(chunk) });
  return { ...staged, sha256: hash.digest('hex') };
}

interface Staging {
  mode: number;
  fileSystem: FileSystem;
  /** Sees every part of the content once it is written. */
  passing?: (chunk: Uint8Array) => void;
}

async function stage(folder: string, content: Content, { mode, fileSystem, passing }: Staging): Promise<Omit<StagedFile, 'sha256'>> {
  const path = join(folder, `${String(process.pid)}-${randomBytes(8).toString('hex')}${PARTIAL_SUFFIX}`);
  let sizeBytes = 0;
  // The cause of a failure matters more than whether the clean-up worked too; verify finds what is left.
  const discard = (): Promise<void> => fileSystem.remove(path).catch(() => undefined);
  try {
    const file = await fileSystem.createFile(path, mode);
    try {
      for await (const chunk of content instanceof Uint8Array ? [content] : content) {
        await file.write(chunk);
        passing?.(chunk);
        sizeBytes += chunk.length;
      }
      await file.sync();
    } finally {
      await file.close();
    }
  } catch (error) {
    await discard();
    throw storageError(error, 'write a file in', folder, content instanceof Uint8Array ? content.length : null);
  }
  const publish = async (target: string): Promise<void> => {
    try {
      await fileSystem.rename(path, target);
      await fileSystem.syncFolder(dirname(target));
    } catch (error) {
      await discard();
      throw storageError(error, 'write', target, sizeBytes);
    }
  };
  return { sizeBytes, publish, discard };
}

/**
 * Creates or replaces a file; readers see the old content or the new, never a part. The folder must exist.
 * @throws TapsError `disk-full` (names the volume and the bytes), `io-failed`
 */
export async function writeFileAtomic(path: string, bytes: Content, fileSystem: FileSystem = nodeFileSystem): Promise<void> {
  const staged = await stage(dirname(path), bytes, { mode: 0o644, fileSystem });
  await staged.publish(path);
}
