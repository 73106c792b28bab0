/** @file Part of a dataset's pictures, as a grid asks for them. */
import type { DatasetManifest, Split } from '../../contract/dataset.ts';
import type { ImageRow } from '../../contract/studio/images.ts';

export interface ImageQuery {
  /** null: all. */
  label: number | null;
  split: Split | null;
  offset: number;
  limit: number;
}

export function listImages({ images }: DatasetManifest, { label, split, offset, limit }: ImageQuery): { rows: ImageRow[]; total: number } {
  const rows: ImageRow[] = [];
  let total = 0;
  images.forEach((image, index) => {
    if ((label !== null && image.label !== label) || (split !== null && image.split !== split)) return;
    if (total >= offset && rows.length < limit) rows.push({ index, path: image.path, label: image.label, split: image.split, bytes: image.bytes });
    total++;
  });
  return { rows, total };
}
