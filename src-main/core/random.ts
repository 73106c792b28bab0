/**
 * @file Counter-based random numbers: every draw is a pure function of its key and counter, so a run is the same
 * run on every machine and after every resume. Generator: Philox4x32-10 (Salmon et al., SC 2011).
 */

const M0 = 0xd2511f53;
const M1 = 0xcd9e8d57;
const W0 = 0x9e3779b9;
const W1 = 0xbb67ae85;

/** High 32 bits of the 64-bit product of two uint32. */
function mulHigh(a: number, b: number): number {
  const aLow = a & 0xffff;
  const aHigh = a >>> 16;
  const bLow = b & 0xffff;
  const bHigh = b >>> 16;
  const low = aLow * bLow;
  const mid = aHigh * bLow + (low >>> 16);
  const mid2 = aLow * bHigh + (mid & 0xffff);
  return (aHigh * bHigh + Math.floor(mid / 0x10000) + Math.floor(mid2 / 0x10000)) >>> 0;
}

/** One Philox4x32-10 block: four uint32 from a 128-bit counter and a 64-bit key. */
export function philox(
  counter: readonly [number, number, number, number],
  key: readonly [number, number],
): [number, number, number, number] {
  let [c0, c1, c2, c3] = counter;
  let [k0, k1] = key;
  for (let round = 0; round < 10; round++) {
    const high0 = mulHigh(M0, c0);
    const low0 = Math.imul(M0, c0) >>> 0;
    const high1 = mulHigh(M1, c2);
    const low1 = Math.imul(M1, c2) >>> 0;
    [c0, c1, c2, c3] = [(high1 ^ c1 ^ k0) >>> 0, low1, (high0 ^ c3 ^ k1) >>> 0, low0];
    k0 = (k0 + W0) >>> 0;
    k1 = (k1 + W1) >>> 0;
  }
  return [c0 >>> 0, c1 >>> 0, c2 >>> 0, c3 >>> 0];
}

/** What a stream is for, so that no two uses share numbers. */
export type StreamPurpose = 'shuffle' | 'augment' | 'head' | 'split' | 'factors' | 'pattern';
const PURPOSE_CODES: Record<StreamPurpose, number> = { shuffle: 1, augment: 2, head: 3, split: 4, factors: 5, pattern: 6 };

/** A stream of uniform numbers addressed by (seed, purpose, a, b), e.g. a = epoch, b = image index. */
export class RandomStream {
  #block: number[] = [];
  #index = 4;
  #counter = 0;
  readonly #key: readonly [number, number];
  readonly #a: number;
  readonly #b: number;

  constructor(seed: number, purpose: StreamPurpose, a = 0, b = 0) {
    this.#key = [seed >>> 0, PURPOSE_CODES[purpose]];
    this.#a = a >>> 0;
    this.#b = b >>> 0;
  }

  /** Uniform uint32. */
  nextUint32(): number {
    if (this.#index === 4) {
      this.#block = philox([this.#counter++, this.#a, this.#b, 0], this.#key);
      this.#index = 0;
    }
    return this.#block[this.#index++] ?? 0;
  }

  /** Uniform in [0, 1), 32 bits of resolution. */
  uniform(): number {
    return this.nextUint32() / 0x1_0000_0000;
  }

  /** Uniform integer in [0, bound); the bias (< bound / 2^32) is of no consequence here. */
  below(bound: number): number {
    return Math.floor(this.uniform() * bound);
  }

  /** Standard normal (Box-Muller, one of the pair). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

/** Permutation of 0..count−1 (Fisher-Yates) of the given stream. */
export function permutation(count: number, stream: RandomStream): Uint32Array {
  const order = Uint32Array.from({ length: count }, (_, index) => index);
  for (let index = count - 1; index > 0; index--) {
    const other = stream.below(index + 1);
    const kept = order[index] ?? 0;
    order[index] = order[other] ?? 0;
    order[other] = kept;
  }
  return order;
}
