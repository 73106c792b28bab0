/** @file Use-case: some pictures of a task are relabelled or left out, which makes a new version of its dataset. */
import type { DatasetRecord } from '../contract/records.ts';
import { reviseManifest, type ImageChange } from '../data/revise-manifest.ts';
import type { Library } from './open-library.ts';

export type { ImageChange } from '../data/revise-manifest.ts';

/**
 * Later runs of the task learn from the new version; results that exist keep theirs. Changes that change nothing give the version back.
 * @param taskId name or id
 * @throws TapsError `not-found` for the task or a picture, `invalid-config`, `dataset-invalid` when a class or a split would be empty
 */
export function reviseDataset(library: Library, taskId: string, changes: readonly ImageChange[]): DatasetRecord {
  const task = library.tasks.get(taskId);
  const current = library.datasets.get(task.datasetId);
  const manifest = reviseManifest(current.manifest, changes);
  if (manifest.hash === current.manifest.hash) return current;
  // An interruption between the two leaves a version that nothing refers to, which is garbage.
  const revised = library.datasets.add(manifest, { parentId: current.id });
  library.tasks.setDataset(task.id, revised.id);
  return revised;
}
