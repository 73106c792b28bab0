/** @file What a folder or CSV says before any file is read. */
import { sep } from 'node:path';
import type { Split, QuarantinedImage } from '../contract/dataset.ts';

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
