/**
 * @file What a trunk made of pictures, kept in memory and then on disk within limits. A value that finds no room is made again when it
 * is needed, so no result depends on the limits.
 */
import { closeSync, openSync, readSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';

export interface CacheLimits {
  memoryBytes: number;
  diskBytes: number;
  /** File of the part on disk; removed at the end. Nothing is written where `diskBytes` is 0. */
  path: string;
}

const FLOAT_BYTES = 4;
/** Part of the free space of the disk that the cache leaves to others. */
const SPARED = 0.2;

export class ActivationCache {
  readonly #length: number;
  readonly #limits: CacheLimits;
  readonly #inMemory = new Map<string, Float32Array>();
  readonly #onDisk = new Map<string, number>();
  #file: number | null = null;
  /** Places on disk; none once a write has failed. */
  #places: number;

  /** @param length floats of one value */
  constructor(length: number, limits: CacheLimits) {
    this.#length = length;
    this.#limits = limits;
    // What a killed run left is of no use: nobody knows what is in it.
    rmSync(limits.path, { force: true });
    this.#places = limits.diskBytes === 0 ? 0 : Math.floor(Math.min(limits.diskBytes, (1 - SPARED) * freeBytes(dirname(limits.path))) / this.#bytes);
  }

  get #bytes(): number {
    return this.#length * FLOAT_BYTES;
  }

  /** Copies a kept value to `out` at `offset`; false where there is none. */
  get(key: string, out: Float32Array, offset: number): boolean {
    const kept = this.#inMemory.get(key);
    if (kept !== undefined) {
      out.set(kept, offset);
      return true;
    }
    const place = this.#onDisk.get(key);
    if (place === undefined || this.#file === null) return false;
    const read = readSync(this.#file, out, offset * FLOAT_BYTES, this.#bytes, place * this.#bytes);
    return read === this.#bytes;
  }

  /** Keeps a copy where there is room. */
  put(key: string, value: Float32Array): void {
    if ((this.#inMemory.size + 1) * this.#bytes <= this.#limits.memoryBytes) {
      this.#inMemory.set(key, value.slice());
      return;
    }
    if (this.#onDisk.size >= this.#places || this.#onDisk.has(key)) return;
    const place = this.#onDisk.size;
    try {
      this.#file ??= openSync(this.#limits.path, 'w+');
      if (writeSync(this.#file, value, 0, this.#bytes, place * this.#bytes) === this.#bytes) this.#onDisk.set(key, place);
      else this.#places = 0;
    } catch {
      // The disk is full or gone: what is there is used on, more is not written. A cache must not end a run.
      this.#places = 0;
    }
  }

  dispose(): void {
    this.#inMemory.clear();
    this.#onDisk.clear();
    if (this.#file === null) return;
    closeSync(this.#file);
    this.#file = null;
    rmSync(this.#limits.path, { force: true });
  }
}

function freeBytes(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}
