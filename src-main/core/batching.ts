/** @file Which images make up which batch: a function of (seed, epoch) alone. */
import { permutation, RandomStream } from './random.ts';

/** Training batches of an epoch. All are full: see `trainingBatch`. */
export function batchesPerEpoch(images: number, batchSize: number): number {
  return Math.max(1, Math.floor(images / batchSize));
}

/** Order of the training images in an epoch. */
export function epochOrder(images: number, seed: number, epoch: number): Uint32Array {
  return permutation(images, new RandomStream(seed, 'shuffle', epoch));
}

/**
 * Positions (0..images−1) of one batch. With fewer images than a batch holds the order repeats; else the incomplete rest of an
 * epoch is left out, other images every epoch.
 */
export function trainingBatch(order: Uint32Array, batchSize: number, batch: number): number[] {
  return Array.from({ length: batchSize }, (_, slot) => order[(batch * batchSize + slot) % order.length] ?? 0);
}
