/** @file What lists of tasks show of a dataset, kept beside its manifest: a manifest of many pictures takes megabytes. */
import type { DatasetManifest } from '../contract/dataset.ts';

const COVERS = 6;

export interface DatasetSummary {
  images: number;
  /** Of one training picture each of the first classes, as indices into `manifest.images`. */
  coverIndices: number[];
}

export function summaryOf({ images, classes }: Pick<DatasetManifest, 'images' | 'classes'>): DatasetSummary {
  const covers = classes.slice(0, COVERS).map((_name, label) => images.findIndex((image) => image.label === label && image.split === 'train'));
  return { images: images.length, coverIndices: covers.filter((index) => index >= 0) };
}
