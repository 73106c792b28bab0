/** @file What the aggregates of an open library share. */
import { TapsError } from '../contract/errors.ts';
import type { FileSystem } from '../platform/file-system.ts';
import type { BlobStore } from './blobs.ts';
import type { ReadableDb, WritableDb } from './database.ts';

export class LibraryContext {
  /** Absolute. */
  readonly folder: string;
  readonly blobs: BlobStore;
  readonly fileSystem: FileSystem;
  readonly readOnly: boolean;
  readonly #db: WritableDb;
  #queue: Promise<unknown> = Promise.resolve();

  constructor(parts: { folder: string; blobs: BlobStore; fileSystem: FileSystem; db: WritableDb; readOnly: boolean }) {
    this.folder = parts.folder;
    this.blobs = parts.blobs;
    this.fileSystem = parts.fileSystem;
    this.readOnly = parts.readOnly;
    this.#db = parts.db;
  }

  get reader(): ReadableDb {
    return this.#db;
  }

  /** @throws TapsError `usage` when the library is open for reading only */
  get writer(): WritableDb {
    if (this.readOnly) throw new TapsError('usage', `The library ${this.folder} is open for reading only.`, 'Open it for writing.');
    return this.#db;
  }

  /**
   * Runs asynchronous changes one after the other, so that garbage collection never meets a blob
   * whose row is about to be written.
   */
  exclusive<Result>(work: () => Promise<Result>): Promise<Result> {
    const result = this.#queue.then(work);
    this.#queue = result.catch(() => undefined);
    return result;
  }
}
