/**
 * @file What a trunk made of pictures, kept in memory and then on disk within limits. A value that finds no room is made again when it
 * is needed, so no result depends on the limits.
 */
import { closeSync, openSync, readSync, rmSync, statfsSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { TrainConfig } from '../contract/training.ts';
import { fromHalves, toHalves } from '../core/half-precision.ts';

export interface CacheLimits {
  memoryBytes: number;
  diskBytes: number;
  /** File of the part on disk; removed at the end. Nothing is written where `diskBytes` is 0. */
  path: string;
}

const BYTES: Readonly<Record<TrainConfig['trunkPrecision'], number>> = { float32: 4, float16: 2 };
/** Part of the free space of the disk that the cache leaves to others. */
const SPARED = 0.2;

export class ActivationCache {
  readonly #length: number;
  readonly #precision: TrainConfig['trunkPrecision'];
  readonly #limits: CacheLimits;
  readonly #inMemory = new Map<string, Float32Array | Uint16Array>();
  readonly #onDisk = new Map<string, number>();
  #file: number | null = null;
  /** Places on disk; none once a write has failed. */
  #places: number;

  /**
   * @param length floats of one value
   * @param precision as which they are kept; `float16` gives back what float16 can hold of them, so values that were rounded before come back as they were
   */
  constructor(length: number, precision: TrainConfig['trunkPrecision'], limits: CacheLimits) {
    this.#length = length;
    this.#precision = precision;
    this.#limits = limits;
    // What a killed run left is of no use: nobody knows what is in it.
    rmSync(limits.path, { force: true });
    this.#places = limits.diskBytes === 0 ? 0 : Math.floor(Math.min(limits.diskBytes, (1 - SPARED) * freeBytes(dirname(limits.path))) / this.#bytes);
  }

  get #bytes(): number {
    return this.#length * BYTES[this.#precision];
  }

  /** Copies a kept value to `out` at `offset`; false where there is none. */
  get(key: string, out: Float32Array, offset: number): boolean {
    const kept = this.#inMemory.get(key) ?? this.#read(key);
    if (kept === null) return false;
    if (kept instanceof Uint16Array) fromHalves(kept, out, offset);
    else out.set(kept, offset);
    return true;
  }

  #read(key: string): Float32Array | Uint16Array | null {
    const place = this.#onDisk.get(key);
    if (place === undefined || this.#file === null) return null;
    const value = this.#precision === 'float16' ? new Uint16Array(this.#length) : new Float32Array(this.#length);
    return readSync(this.#file, value, 0, this.#bytes, place * this.#bytes) === this.#bytes ? value : null;
  }

  /** Frees the memory that a value takes; nothing happens to one on disk. */
  forget(key: string): void {
    this.#inMemory.delete(key);
  }

  /** Keeps a copy where there is room. */
  put(key: string, value: Float32Array, where: 'memory' | 'anywhere' = 'anywhere'): void {
    if (this.#inMemory.has(key) || this.#onDisk.has(key)) return;
    const roomInMemory = (this.#inMemory.size + 1) * this.#bytes <= this.#limits.memoryBytes;
    if (!roomInMemory && (where === 'memory' || this.#onDisk.size >= this.#places)) return;
    const kept = this.#precision === 'float16' ? toHalves(value) : value.slice();
    if (roomInMemory) {
      this.#inMemory.set(key, kept);
      return;
    }
    const place = this.#onDisk.size;
    try {
      this.#file ??= openSync(this.#limits.path, 'w+');
      if (writeSync(this.#file, kept, 0, this.#bytes, place * this.#bytes) === this.#bytes) this.#onDisk.set(key, place);
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
