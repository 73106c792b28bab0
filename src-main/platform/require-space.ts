/** @file Looks for room before long work begins: a full disk after an hour of training helps nobody. */
import { TapsError } from '../contract/errors.ts';
import { volumeOf } from './storage-error.ts';

/** Of the estimate; and what the rest of the machine should keep. */
const MARGIN = 1.2;
const KEPT_FREE_BYTES = 32 * 2 ** 20;

/**
 * @param neededBytes what the work writes at most, by estimate
 * @param what the work, as the start of a sentence: "Training drawings"
 * @param freeBytes for tests. Default: what the volume of `folder` has; work goes on where it cannot be asked
 * @throws TapsError `disk-full` before anything is written
 */
export function requireSpace(folder: string, neededBytes: number, what: string, freeBytes: number | undefined = volumeOf(folder)?.freeBytes): void {
  const wanted = Math.ceil(neededBytes * MARGIN + KEPT_FREE_BYTES);
  if (freeBytes === undefined || freeBytes >= wanted) return;
  const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(0)} MB`;
  throw new TapsError('disk-full', `${what} needs about ${megabytes(wanted)}, and the disk of ${folder} has ${megabytes(freeBytes)} free.`, 'Free space there, or move the library to another disk. Nothing was written.', {
    details: { folder, neededBytes: wanted, freeBytes },
  });
}
