/** @file Datasets as the window asks for them: recorded versions and inspected ones under one kind of id, and their cheap summaries. */
import { randomBytes } from 'node:crypto';
import type { DatasetManifest } from '../contract/dataset.ts';
import { TapsError } from '../contract/errors.ts';
import type { DatasetRecord } from '../contract/records.ts';
import type { DatasetVersion } from '../contract/studio/library.ts';
import type { Library } from '../services/open-library.ts';

/** A manifest of ten thousand pictures takes megabytes. */
const KEPT_MANIFESTS = 4;
const KEPT_INSPECTIONS = 20;

export class StudioDatasets {
  readonly #library: Library;
  readonly #inspections = new Map<string, DatasetManifest>();
  readonly #manifests = new Map<string, DatasetManifest>();

  constructor(library: Library) {
    this.#library = library;
  }

  /** Keeps the manifest of an inspection until the library closes, or many later ones were made. Returns its id. */
  addInspection(manifest: DatasetManifest): string {
    const id = `inspection-${randomBytes(8).toString('hex')}`;
    this.#inspections.set(id, manifest);
    forgetOldest(this.#inspections, KEPT_INSPECTIONS);
    return id;
  }

  /** @throws TapsError `not-found` */
  inspected(id: string): DatasetManifest {
    const manifest = this.#inspections.get(id);
    if (manifest === undefined) throw new TapsError('not-found', 'These pictures have not been looked through in this session.', 'Choose the pictures again.');
    return manifest;
  }

  /** Of an inspection or a recorded version. @throws TapsError `not-found` */
  manifest(id: string): DatasetManifest {
    const known = this.#inspections.get(id) ?? this.#manifests.get(id);
    if (known !== undefined) return known;
    const { manifest } = this.#library.datasets.get(id);
    this.#manifests.set(id, manifest);
    forgetOldest(this.#manifests, KEPT_MANIFESTS);
    return manifest;
  }

}

function forgetOldest(map: Map<string, unknown>, kept: number): void {
  for (const key of map.keys()) {
    if (map.size <= kept) return;
    map.delete(key);
  }
}

export interface SplitCounts {
  train: number;
  validation: number;
  test: number;
}

export function countSplits(images: DatasetManifest['images']): SplitCounts {
  const counts = { train: 0, validation: 0, test: 0 };
  for (const { split } of images) counts[split]++;
  return counts;
}

export function versionOf({ id, parentId, manifest, createdAt }: DatasetRecord): DatasetVersion {
  const { images, classes, quarantined, warnings, splitSource, root, hash } = manifest;
  const classCounts = new Array<number>(classes.length).fill(0);
  for (const { label } of images) classCounts[label] = (classCounts[label] ?? 0) + 1;
  return { id, hash, parentId, images: images.length, counts: countSplits(images), classCounts, quarantined, warnings, splitSource, displayRoot: root, createdAt };
}
