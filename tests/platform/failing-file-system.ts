/** @file A file system whose n-th changing operation fails, once or for good (as after a kill). No assertions. */
import type { FileSystem, WritableFile } from '../../src-main/platform/file-system.ts';

function errno(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/**
 * Counts createFile, write, sync, close, rename, makeFolder, syncFolder and remove.
 * @param failAt 1 = the first; `mode` 'dead' fails every later operation too, so that not even clean-up happens
 */
export function failingFileSystem(real: FileSystem, failAt: number, code: string, mode: 'once' | 'dead' = 'once'): { fileSystem: FileSystem; hasFailed: () => boolean; operations: () => number } {
  let count = 0;
  const step = async <Result>(work: () => Promise<Result>): Promise<Result> => {
    count += 1;
    if (count === failAt || (mode === 'dead' && count > failAt)) throw errno(code);
    return work();
  };
  const wrapFile = (file: WritableFile): WritableFile => ({
    // Half of the bytes arrive before a write fails.
    write: (bytes) =>
      step(() => file.write(bytes)).catch(async (error: unknown) => {
        if (count === failAt) await file.write(bytes.subarray(0, bytes.length >> 1));
        throw error;
      }),
    sync: () => step(() => file.sync()),
    close: async () => {
      await file.close();
      await step(() => Promise.resolve());
    },
  });
  const fileSystem: FileSystem = {
    ...real,
    createFile: (path, permissions) => step(async () => wrapFile(await real.createFile(path, permissions))),
    rename: (from, to) => step(() => real.rename(from, to)),
    remove: (path) => step(() => real.remove(path)),
    makeFolder: (path) => step(() => real.makeFolder(path)),
    syncFolder: (path) => step(() => real.syncFolder(path)),
  };
  return { fileSystem, hasFailed: () => count >= failAt, operations: () => count };
}
