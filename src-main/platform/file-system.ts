/**
 * @file The file operations that durable writes are made of, as a port: tests replace it to fail or stop at the n-th operation.
 * Paths are absolute. Rejections are Node's errno errors; callers turn them into `TapsError` (see storage-error).
 */
import { statSync } from 'node:fs';
import { chmod, mkdir, open, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';

/** A file being written from its start. */
export interface WritableFile {
  /** Appends all of `bytes`. */
  write(bytes: Uint8Array): Promise<void>;
  /** Returns once the content is on the medium (fsync). */
  sync(): Promise<void>;
  close(): Promise<void>;
}

export interface FolderEntry {
  /** Relative to the listed folder, with '/' separators. */
  path: string;
  sizeBytes: number;
}

export interface FileSystem {
  /** Creates a file that must not exist. `mode` are permission bits; they do not restrict the returned handle. */
  createFile(path: string, mode: number): Promise<WritableFile>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file or a folder with its content; no error when there is none. */
  remove(path: string): Promise<void>;
  /** Creates the folder and its parents where absent. */
  makeFolder(path: string): Promise<void>;
  /** Returns once the folder's entries are on the medium. Does nothing on Windows, which has no such call. */
  syncFolder(path: string): Promise<void>;
  /** Whole file, or its first `maxBytes` bytes; works above 2 GiB. */
  readFile(path: string, maxBytes?: number): Promise<Uint8Array<ArrayBuffer>>;
  /** Size in bytes, or null when there is no such file. Folders have a size too. */
  sizeOf(path: string): Promise<number | null>;
  /** Files below the folder, recursively, sorted by path; empty when the folder is absent. */
  listFiles(folder: string): Promise<FolderEntry[]>;
}

const CHUNK_BYTES = 16 * 1024 * 1024;

/** Whether the system refused a file operation: for any reason, or for one of these. */
export function isErrno(error: unknown, ...codes: string[]): boolean {
  if (!(error instanceof Error) || !('code' in error) || typeof error.code !== 'string') return false;
  return codes.length === 0 ? 'errno' in error : codes.includes(error.code);
}

async function createFile(path: string, mode: number): Promise<WritableFile> {
  const handle = await open(path, 'wx', mode);
  return {
    async write(bytes) {
      let offset = 0;
      while (offset < bytes.length) {
        const { bytesWritten } = await handle.write(bytes, offset, Math.min(CHUNK_BYTES, bytes.length - offset));
        offset += bytesWritten;
      }
    },
    sync: () => handle.sync(),
    close: () => handle.close(),
  };
}

async function syncFolder(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(path, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function readFile(path: string, maxBytes = Number.POSITIVE_INFINITY): Promise<Uint8Array<ArrayBuffer>> {
  const handle = await open(path, 'r');
  try {
    const size = Math.min((await handle.stat()).size, maxBytes);
    const bytes = new Uint8Array(size);
    let offset = 0;
    while (offset < size) {
      const { bytesRead } = await handle.read(bytes, offset, Math.min(CHUNK_BYTES, size - offset));
      if (bytesRead === 0) break;
      offset += bytesRead;
    }
    return offset === size ? bytes : bytes.slice(0, offset);
  } finally {
    await handle.close();
  }
}

async function sizeOf(path: string): Promise<number | null> {
  try {
    return (await stat(path)).size;
  } catch (error) {
    if (isErrno(error, 'ENOENT', 'ENOTDIR')) return null;
    throw error;
  }
}

/** Sizes asked for without a pause. Promises take several times as long as the calls themselves, and a library has tens of thousands of files. */
const AT_ONCE = 64;

async function listFiles(folder: string): Promise<FolderEntry[]> {
  const found: FolderEntry[] = [];
  const visit = async (relative: string): Promise<void> => {
    const entries = await readdir(join(folder, relative), { withFileTypes: true }).catch((error: unknown) => {
      if (isErrno(error, 'ENOENT')) return [];
      throw error;
    });
    const pathOf = (name: string): string => (relative === '' ? name : `${relative}/${name}`);
    const files = entries.filter((entry) => !entry.isDirectory());
    for (let start = 0; start < files.length; start += AT_ONCE) {
      for (const { name } of files.slice(start, start + AT_ONCE)) {
        // Another process may have removed it since the folder was read.
        const size = statSync(join(folder, pathOf(name)), { throwIfNoEntry: false })?.size;
        if (size !== undefined) found.push({ path: pathOf(name), sizeBytes: size });
      }
      await new Promise(setImmediate);
    }
    for (const entry of entries) if (entry.isDirectory()) await visit(pathOf(entry.name));
  };
  await visit('');
  return found.sort((a, b) => (a.path < b.path ? -1 : 1));
}

async function remove(path: string): Promise<void> {
  // Windows refuses to remove files without write permission, and blobs are stored read-only.
  if (process.platform === 'win32') await chmod(path, 0o666).catch(() => undefined);
  await rm(path, { force: true, recursive: true });
}

/** The machine's own file system. */
export const nodeFileSystem: FileSystem = {
  createFile,
  rename,
  remove,
  makeFolder: async (path) => {
    await mkdir(path, { recursive: true });
  },
  syncFolder,
  readFile,
  sizeOf,
  listFiles,
};
