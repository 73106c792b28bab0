/** @file Which micro-batches make up the same optimiser step when memory has no room for the ones that were asked for. */

export interface MicroBatches {
  /** Pictures per micro-batch. */
  batchSize: number;
  /** Micro-batches per optimiser step. */
  accumulate: number;
}

/**
 * The same pictures per optimiser step in smaller pieces: half of them where that divides the batch, else the largest part below.
 * Optimiser steps per epoch and the pictures of each stay the same (core/batching, training/schedule).
 * @param asked as configured
 * @param tried pictures per micro-batch that had no room, a divisor of asked.batchSize
 * @returns null when a micro-batch is one picture already
 */
export function smallerMicroBatches(asked: MicroBatches, tried: number): MicroBatches | null {
  for (let size = Math.floor(tried / 2); size >= 1; size--) {
    if (asked.batchSize % size === 0) return { batchSize: size, accumulate: (asked.accumulate * asked.batchSize) / size };
  }
  return null;
}
