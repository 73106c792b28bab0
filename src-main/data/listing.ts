/** @file What a folder or CSV says before any file is read. */
import { sep } from 'node:path';
import type { Split, QuarantinedImage } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';

/** Extensions that the decoder can read, lower case with dot. */
export const IMAGE_EXTENSIONS = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif']);

export interface ListedImage {
  /** Relative to the root, '/'-separated. */
  path: string;
  className: string;
  /** Given by a folder or a column; undefined when it is to be drawn. */
  split: Split | undefined;
}

export interface Listing {
  root: string;
  classes: string[];
  images: ListedImage[];
  quarantined: QuarantinedImage[];
}

export interface ListingOptions {
  /** Files seen so far, now and then: how many there will be is not known. */
  onListed?: ((files: number) => void) | undefined;
  signal?: AbortSignal | undefined;
}

const TOLD_EVERY = 500;

/**
 * To be called for every file that is listed.
 * @throws TapsError `cancelled`
 */
export function listingWatch({ onListed, signal }: ListingOptions): () => void {
  let files = 0;
  return () => {
    stopIfCancelled(signal);
    if (++files % TOLD_EVERY === 0) onListed?.(files);
  };
}

/** @throws TapsError `cancelled` */
export function stopIfCancelled(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) throw new TapsError('cancelled', 'Reading the images was cancelled.', 'Add the task again to start over.');
}

/** Names of split folders and column values. */
export function splitOfName(name: string): Split | undefined {
  switch (name.toLowerCase()) {
    case 'train':
    case 'training':
      return 'train';
    case 'val':
    case 'valid':
    case 'validation':
    case 'dev':
      return 'validation';
    case 'test':
    case 'testing':
      return 'test';
    default:
      return undefined;
  }
}

/** Whether a path lies below a folder; both free of links (`realpath`). */
export function isInside(folder: string, path: string): boolean {
  return path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
