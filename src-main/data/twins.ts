/** @file What it means for learning that pictures are the same: leaks across splits, contradicting labels. Pure. */
import type { DatasetImage, Split } from '../contract/dataset.ts';
import type { TwinGroup } from '../contract/studio/images.ts';

/** @param groups indices into `images` */
export function judgeTwins(images: readonly DatasetImage[], groups: readonly Pick<TwinGroup, 'kind' | 'indices'>[]): TwinGroup[] {
  return groups.map(({ kind, indices }) => ({
    kind,
    indices,
    leak: new Set(indices.map((index) => images[index]?.split)).size > 1,
    conflict: new Set(indices.map((index) => images[index]?.label)).size > 1,
  }));
}

/** Per class, in label order: pictures in each split. */
export function countPerClass(images: readonly DatasetImage[], classes: number): Record<Split, number>[] {
  const counts = Array.from({ length: classes }, () => ({ train: 0, validation: 0, test: 0 }));
  for (const { label, split } of images) {
    const ofClass = counts[label];
    if (ofClass !== undefined) ofClass[split]++;
  }
  return counts;
}
