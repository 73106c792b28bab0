/**
 * @file Content-addressed files: blobs/sha256/ab/<hex>, written once, never changed, read-only on disk.
 * A blob exists for the library only once a row refers to it; a file without a row is garbage.
 */
import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { BlobRef } from '../contract/records.ts';
import { stageFile } from '../platform/atomic-file.ts';
import type { FileSystem } from '../platform/file-system.ts';
import { sha256OfBytes, sha256OfFile } from '../platform/hash.ts';
import { storageError } from '../platform/storage-error.ts';
import type { WritableDb } from './database.ts';

const READ_ONLY = 0o444;

/** `missing`, `damaged` (other bytes than its name says) or `intact`. */
export type BlobState = 'intact' | 'missing' | 'damaged';

export class BlobStore {
  readonly #root: string;
  readonly #incoming: string;
  readonly #fileSystem: FileSystem;

  constructor(libraryFolder: string, fileSystem: FileSystem) {
    this.#root = join(libraryFolder, 'blobs', 'sha256');
    this.#incoming = join(libraryFolder, 'blobs', 'incoming');
    this.#fileSystem = fileSystem;
  }

  /** Absolute path, whether or not the file exists. */
  pathOf(sha256: string): string {
    return join(this.#root, sha256.slice(0, 2), sha256);
  }

  /**
   * Stores bytes or a copy of a file; durable when it returns. The same content is stored once; a damaged copy is replaced.
   * @throws TapsError `disk-full`, `io-failed`, `not-found`
   */
  async put(content: Uint8Array | string): Promise<BlobRef> {
    const { root, folders } = { root: this.#root, folders: [this.#incoming, this.#root] };
    if (typeof content === 'string' && (await this.#fileSystem.sizeOf(content)) === null) {
      throw new TapsError('not-found', `There is no file ${content}.`, 'Check the path.');
    }
    try {
      for (const folder of folders) await this.#fileSystem.makeFolder(folder);
    } catch (error) {
      throw storageError(error, 'create folders in', root);
    }
    const source = typeof content === 'string' ? createReadStream(content, { highWaterMark: 4 * 1024 * 1024 }) as AsyncIterable<Uint8Array> : content;
    const staged = await stageFile(this.#incoming, source, READ_ONLY, this.#fileSystem);
    const { sha256, sizeBytes } = staged;
    const target = this.pathOf(sha256);
    try {
      await this.#fileSystem.makeFolder(join(target, '..'));
      await this.#fileSystem.syncFolder(root);
      if ((await this.stateOf({ sha256, bytes: sizeBytes })) === 'intact') {
        await staged.discard();
        // The file may come from an attempt that was stopped before its name was durable.
        await this.#fileSystem.syncFolder(join(target, '..'));
      } else {
        await staged.publish(target);
      }
    } catch (error) {
      await staged.discard();
      throw storageError(error, 'store', target, sizeBytes);
    }
    return { sha256, bytes: sizeBytes };
  }

  /** Compares size, then hash, of the file with its name. Reads all of it. */
  async stateOf({ sha256, bytes }: BlobRef): Promise<BlobState> {
    const path = this.pathOf(sha256);
    const sizeBytes = await this.#fileSystem.sizeOf(path);
    if (sizeBytes === null) return 'missing';
    return sizeBytes === bytes && (await sha256OfFile(path)) === sha256 ? 'intact' : 'damaged';
  }

  /**
   * The verified content.
   * @throws TapsError `library-damaged` when it is missing or not what its name says
   */
  async read({ sha256, bytes }: BlobRef): Promise<Uint8Array<ArrayBuffer>> {
    const path = this.pathOf(sha256);
    const advice = 'Run `taps library verify`; restore that file from a backup or learn the task again.';
    try {
      const sizeBytes = await this.#fileSystem.sizeOf(path);
      if (sizeBytes !== bytes) {
        throw new TapsError('library-damaged', `The stored file ${path} ${sizeBytes === null ? 'is missing' : `has ${String(sizeBytes)} bytes instead of ${String(bytes)}`}.`, advice);
      }
      const content = await this.#fileSystem.readFile(path);
      if (sha256OfBytes(content) !== sha256) throw new TapsError('library-damaged', `The stored file ${path} has changed since it was written.`, advice);
      return content;
    } catch (error) {
      throw storageError(error, 'read', path);
    }
  }

  /** First bytes of a blob, unverified, and its size on disk. */
  async readHead(sha256: string, headBytes: (start: Uint8Array, fileBytes: number) => number): Promise<{ head: Uint8Array; fileBytes: number }> {
    const path = this.pathOf(sha256);
    try {
      const fileBytes = await this.#fileSystem.sizeOf(path);
      if (fileBytes === null) throw new TapsError('library-damaged', `The stored file ${path} is missing.`, 'Run `taps library verify`; restore that file from a backup.');
      const start = await this.#fileSystem.readFile(path, 8);
      return { head: await this.#fileSystem.readFile(path, headBytes(start, fileBytes)), fileBytes };
    } catch (error) {
      throw storageError(error, 'read', path);
    }
  }

  /** Every file in the store, by path relative to it. */
  async files(): Promise<{ sha256: string; path: string; sizeBytes: number }[]> {
    const entries = await this.#fileSystem.listFiles(this.#root);
    return entries.map(({ path, sizeBytes }) => ({ sha256: path.slice(path.lastIndexOf('/') + 1), path: join(this.#root, path), sizeBytes }));
  }
}

/** Registers a stored blob; part of the transaction that refers to it. */
export function insertBlob(db: WritableDb, { sha256, bytes }: BlobRef): void {
  db.run('INSERT INTO blobs (sha256, bytes, created_at) VALUES (?, ?, ?) ON CONFLICT DO NOTHING', sha256, bytes, Date.now());
}
