/** @file What a person should know about a dataset before learning from it, in words. None of it stops training. */
import type { DatasetImage, DatasetManifest, QuarantinedImage } from '../contract/dataset.ts';
import type { TwinGroup } from '../contract/studio/images.ts';

/** Below this a class is too small for its accuracy to mean much. */
const FEW_IMAGES = 16;

/** In the order of their weight: wrong labels, leaks, repetitions, small and unequal classes, files left out. */
export function warningsOf(images: readonly DatasetImage[], classes: readonly string[], quarantined: readonly QuarantinedImage[]): string[] {
  const warnings = repetitions(images);
  const counts = new Array<number>(classes.length).fill(0);
  for (const { label } of images) counts[label] = (counts[label] ?? 0) + 1;
  const few = classes.filter((_, label) => (counts[label] ?? 0) < FEW_IMAGES);
  if (few.length > 0) warnings.push(`fewer than ${String(FEW_IMAGES)} pictures in ${some(few)}`);
  for (const split of ['validation', 'test'] as const) {
    const present = new Set(images.filter((image) => image.split === split).map(({ label }) => label));
    const absent = classes.filter((_, label) => !present.has(label));
    if (present.size > 0 && absent.length > 0) warnings.push(`no ${split} pictures of ${some(absent)}`);
    else if (present.size === 0) warnings.push(`no ${split} pictures at all: a larger share, or more pictures per class, is needed before training`);
  }
  const least = counts.reduce((a, b) => Math.min(a, b), Infinity);
  const most = counts.reduce((a, b) => Math.max(a, b), 0);
  if (most > 10 * least) warnings.push(`classes are very unequal: ${String(least)} to ${String(most)} pictures`);
  if (quarantined.length > 0) warnings.push(`${String(quarantined.length)} file(s) left out, for example ${quarantined[0]?.path ?? ''}: ${quarantined[0]?.reason ?? ''}`);
  return warnings;
}

/** Of pictures that look the same without being the same file; identical ones are in `warningsOf`. */
export function similarWarnings({ images }: Pick<DatasetManifest, 'images'>, twins: readonly TwinGroup[]): string[] {
  const similar = twins.filter(({ kind }) => kind === 'similar');
  const example = (groups: readonly TwinGroup[]): string => pair(groups[0]?.indices.map((index) => images[index]?.path ?? '') ?? [], '≈');
  const conflicts = similar.filter(({ conflict }) => conflict);
  const leaks = similar.filter(({ leak }) => leak);
  const warnings: string[] = [];
  if (conflicts.length > 0) warnings.push(`${String(conflicts.length)} picture(s) look the same in two classes: ${example(conflicts)}`);
  if (leaks.length > 0) warnings.push(`${String(leaks.length)} picture(s) look the same in two splits, so test results may be too good: ${example(leaks)}`);
  else if (similar.length > conflicts.length) warnings.push(`${String(similar.length)} group(s) of pictures look the same: ${example(similar)}`);
  return warnings;
}

function repetitions(images: readonly DatasetImage[]): string[] {
  const twins = [...Map.groupBy(images, (image) => image.sha256).values()].filter((group) => group.length > 1);
  const leaks = twins.filter((group) => new Set(group.map((image) => image.split)).size > 1);
  const conflicts = twins.filter((group) => new Set(group.map((image) => image.label)).size > 1);
  const example = (groups: (readonly DatasetImage[])[]): string => pair(groups[0]?.map((image) => image.path) ?? [], '=');
  const warnings: string[] = [];
  if (conflicts.length > 0) warnings.push(`${String(conflicts.length)} picture(s) are in two classes: ${example(conflicts)}`);
  if (leaks.length > 0) warnings.push(`${String(leaks.length)} picture(s) are in two splits, so test results will be too good: ${example(leaks)}`);
  else if (twins.length > 0) warnings.push(`${String(twins.length)} picture(s) occur more than once: ${example(twins)}`);
  return warnings;
}

function pair(paths: readonly string[], sign: string): string {
  return paths.slice(0, 2).join(` ${sign} `);
}

function some(names: readonly string[]): string {
  return `${names.slice(0, 5).join(', ')}${names.length > 5 ? ` and ${String(names.length - 5)} more` : ''}`;
}
