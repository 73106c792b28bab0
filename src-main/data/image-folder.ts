/** @file Image folders by torchvision's convention: classes are the sorted names of sub-folders, pictures lie anywhere below. */
import type { Dirent } from 'node:fs';
import { readdir, realpath, stat } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { Split } from '../contract/dataset.ts';
import { storageError } from '../platform/storage-error.ts';
import { IMAGE_EXTENSIONS, isInside, listingWatch, splitOfName, type Listing, type ListingOptions } from './listing.ts';

/**
 * Links to folders are left out and listed (torchvision would follow them, out of the dataset and in circles); links to files
 * count when they stay inside.
 * @throws TapsError `dataset-invalid` when there are no class folders or the splits do not fit together; `io-failed`, `cancelled`
 */
export async function listImageFolder(root: string, options: ListingOptions = {}): Promise<Listing> {
  const listed = listingWatch(options);
  const listing: Listing = { root, classes: [], images: [], quarantined: [] };
  const folders = await subFolders(listing, root);
  const splits = splitFolders(root, folders);
  if (splits === undefined) {
    listing.classes = folders;
    for (const className of folders) await addClass(listing, join(root, className), className, undefined, listed);
  } else {
    const sets: string[][] = [];
    for (const name of splits) sets.push(await subFolders(listing, join(root, name)));
    listing.classes = agreedClasses(splits, sets);
    for (const name of splits) {
      for (const className of listing.classes) await addClass(listing, join(root, name, className), className, splitOfName(name), listed);
    }
  }
  if (listing.classes.length === 0) {
    const left = listing.quarantined[0];
    throw new TapsError('dataset-invalid', `The folder ${root} has no class folders${left === undefined ? '' : ` (${left.path}: ${left.reason})`}.`, 'Put the pictures of each class into a folder of its own, named after the class.');
  }
  return listing;
}

/** The folders above the classes, or undefined when the folders are classes (among them may be one named `train`). */
function splitFolders(root: string, folders: string[]): string[] | undefined {
  const splits = folders.filter((name) => splitOfName(name) !== undefined);
  if (splits.length === folders.length) return splits.some((name) => splitOfName(name) === 'train') ? splits : undefined;
  if (new Set(splits.map(splitOfName)).size < 2 || !splits.some((name) => splitOfName(name) === 'train')) return undefined;
  const other = folders.find((name) => splitOfName(name) === undefined);
  throw new TapsError('dataset-invalid', `In ${root} the folder ${other ?? ''} lies beside ${splits.join(', ')}: either splits or classes were expected.`, `Move ${other ?? 'it'} out of the folder.`);
}

function agreedClasses(splits: string[], sets: string[][]): string[] {
  const trainIndex = splits.findIndex((name) => splitOfName(name) === 'train');
  const classes = sets[trainIndex] ?? [];
  for (const [index, set] of sets.entries()) {
    const disagreement = (present: string, inFolder: string | undefined, notIn: string | undefined): TapsError =>
      new TapsError('dataset-invalid', `The class ${present} is in ${inFolder ?? ''}/ but not in ${notIn ?? ''}/.`, 'Give every split the same class folders.');
    const foreign = set.find((name) => !classes.includes(name));
    if (foreign !== undefined) throw disagreement(foreign, splits[index], splits[trainIndex]);
    const missing = classes.find((name) => !set.includes(name));
    if (missing !== undefined) throw disagreement(missing, splits[trainIndex], splits[index]);
  }
  return classes;
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    throw storageError(error, 'list the folder', folder);
  });
  return entries.filter((entry) => !entry.name.startsWith('.'));
}

/** Sorted by code unit, as Python sorts: labels do not depend on the machine's language. */
async function subFolders(listing: Listing, folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) names.push(entry.name);
    else if (entry.isSymbolicLink() && (await stat(path).catch(() => undefined))?.isDirectory() === true) leaveOut(listing, path, 'a link to a folder');
  }
  return names.sort(byCodeUnit);
}

async function addClass(listing: Listing, folder: string, className: string, split: Split | undefined, listed: () => void): Promise<void> {
  const root = await realpath(listing.root);
  const pending = [folder];
  const found: string[] = [];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    for (const entry of await entriesOf(current)) {
      listed();
      const path = join(current, entry.name);
      if (entry.isDirectory()) {
        pending.push(path);
        continue;
      }
      const isPicture = IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase());
      const reason = entry.isSymbolicLink() ? await linkObjection(root, path, isPicture) : entry.isFile() ? undefined : 'not a file';
      if (reason === undefined && isPicture) found.push(path);
      else if (reason !== undefined && (isPicture || reason === 'a link to a folder')) leaveOut(listing, path, reason);
    }
  }
  found.sort(byCodeUnit);
  for (const path of found) listing.images.push({ path: relativePath(listing.root, path), className, split });
}

/** Why a link is not followed; undefined when it is a link to a file inside. */
async function linkObjection(root: string, path: string, isPicture: boolean): Promise<string | undefined> {
  const target = await stat(path).catch(() => undefined);
  if (target === undefined) return 'a link to nothing';
  if (target.isDirectory()) return 'a link to a folder';
  if (!target.isFile()) return 'not a file';
  return !isPicture || isInside(root, await realpath(path)) ? undefined : 'a link that leaves the folder';
}

function leaveOut(listing: Listing, path: string, reason: string): void {
  listing.quarantined.push({ path: relativePath(listing.root, path), reason });
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}
