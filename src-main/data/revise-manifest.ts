/** @file A dataset with some pictures relabelled or left out: another version of it. Pure. */
import { TapsError } from '../contract/errors.ts';
import type { DatasetManifest, QuarantinedImage } from '../contract/dataset.ts';
import { manifestHash } from './build-manifest.ts';
import { warningsOf } from './warnings.ts';

export interface ImageChange {
  /** As in the manifest. */
  path: string;
  /** Index into `classes`; null leaves the picture out. */
  label: number | null;
}

/** Why a picture is in `quarantined` that can be read. */
export const LEFT_OUT_BY_HAND = 'left out by hand';

/**
 * Splits stay as they are: a corrected label must not move a test picture into training. The manifest given is not changed.
 * @throws TapsError `not-found` for a picture that the dataset does not have, `invalid-config` for a label that is no class or a
 * picture named twice, `dataset-invalid` when a class would have no training picture, or a split none at all
 */
export function reviseManifest(manifest: DatasetManifest, changes: readonly ImageChange[]): DatasetManifest {
  const labels = wantedLabels(manifest, changes);
  const quarantined: QuarantinedImage[] = [...manifest.quarantined];
  const images = manifest.images.flatMap((image) => {
    const label = labels.get(image.path);
    if (label === undefined) return [image];
    if (label !== null) return [{ ...image, label }];
    quarantined.push({ path: image.path, reason: LEFT_OUT_BY_HAND });
    return [];
  });
  const revised = { ...manifest, images, quarantined: quarantined.sort((a, b) => (a.path < b.path ? -1 : 1)) };
  requireLearnable(manifest, revised);
  return { ...revised, hash: manifestHash(manifest.classes, images), warnings: warningsOf(images, manifest.classes, quarantined) };
}

function wantedLabels({ images, quarantined, classes }: DatasetManifest, changes: readonly ImageChange[]): Map<string, number | null> {
  const known = new Set(images.map(({ path }) => path));
  const labels = new Map<string, number | null>();
  for (const { path, label } of changes) {
    if (!known.has(path)) {
      const reason = quarantined.find((left) => left.path === path)?.reason;
      if (reason !== undefined) throw new TapsError('not-found', `The picture ${path} is not in this version of the dataset: ${reason}.`, 'Add the task again to start from all pictures.');
      throw new TapsError('not-found', `The dataset has no picture ${path}.`, 'Look at the newest version of the dataset and choose again.');
    }
    if (labels.has(path)) throw new TapsError('invalid-config', `The picture ${path} is changed twice at once.`, 'Give one change per picture.');
    if (label !== null && (!Number.isInteger(label) || label < 0 || label >= classes.length)) {
      throw new TapsError('invalid-config', `The picture ${path} was given the class ${String(label)}; there are ${String(classes.length)} classes, counted from 0.`, 'Choose one of the classes of the task.');
    }
    labels.set(path, label);
  }
  return labels;
}

/** What could be learnt before can be learnt afterwards. */
function requireLearnable(before: DatasetManifest, after: DatasetManifest): void {
  const learnt = (manifest: DatasetManifest): Set<number> => new Set(manifest.images.filter(({ split }) => split === 'train').map(({ label }) => label));
  const rest = learnt(after);
  const untaught = [...learnt(before)].sort((a, b) => a - b).find((label) => !rest.has(label));
  if (untaught !== undefined) {
    throw new TapsError('dataset-invalid', `The class ${before.classes[untaught] ?? ''} would have no picture left for training.`, 'Keep at least one of its training pictures, or add the task again without the class.');
  }
  for (const split of ['validation', 'test'] as const) {
    const has = (manifest: DatasetManifest): boolean => manifest.images.some((image) => image.split === split);
    if (has(before) && !has(after)) throw new TapsError('dataset-invalid', `The ${split} split would have no picture left.`, 'Keep at least one of its pictures.');
  }
}
