/** @file Image folders by torchvision's convention: classes are the sorted names of sub-folders, pictures lie anywhere below. */
import { readdir, realpath } from 'node:fs/promises';
import { extname, join, relative, sep } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { Split } from '../contract/dataset.ts';
import { IMAGE_EXTENSIONS, splitOfName, type Listing } from './listing.ts';

export async function listImageFolder(root: string): Promise<Listing> {
  const folders = await subFolders(root);
  const splits = folders.filter((name) => splitOfName(name) !== undefined);
  const listing: Listing = { root, classes: [], images: [], quarantined: [] };
  if (splits.length > 0 && splits.length === folders.length && splits.some((name) => splitOfName(name) === 'train')) {
    const sets = await Promise.all(splits.map((name) => subFolders(join(root, name))));
    const trainIndex = splits.findIndex((name) => splitOfName(name) === 'train');
    listing.classes = sets[trainIndex] ?? [];
    for (const [index, name] of splits.entries()) {
      const foreign = sets[index]?.find((className) => !listing.classes.includes(className));
      if (foreign !== undefined) {
        throw new TapsError('dataset-invalid', `The class ${foreign} is in ${name}/ but not in ${splits[trainIndex] ?? 'train'}/.`, 'Give every split the same class folders.');
      }
      for (const className of sets[index] ?? []) await addClass(listing, join(root, name, className), className, splitOfName(name));
    }
  } else {
    listing.classes = folders;
    for (const className of folders) await addClass(listing, join(root, className), className, undefined);
  }
  if (listing.classes.length === 0) {
    throw new TapsError('dataset-invalid', `The folder ${root} has no class folders.`, 'Put the pictures of each class into a folder of its own, named after the class.');
  }
  return listing;
}

/** Sorted by code unit, as Python sorts: labels do not depend on the machine's language. */
async function subFolders(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { withFileTypes: true });
  return entries.filter((entry) => entry.isDirectory() && !entry.name.startsWith('.')).map((entry) => entry.name).sort(byCodeUnit);
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

async function addClass(listing: Listing, folder: string, className: string, split: Split | undefined): Promise<void> {
  const root = await realpath(listing.root);
  const pending = [folder];
  const found: string[] = [];
  for (let current = pending.pop(); current !== undefined; current = pending.pop()) {
    for (const entry of await readdir(current, { withFileTypes: true })) {
      if (entry.name.startsWith('.')) continue;
      const path = join(current, entry.name);
      if (entry.isDirectory()) pending.push(path);
      else if (IMAGE_EXTENSIONS.has(extname(entry.name).toLowerCase())) {
        if (entry.isSymbolicLink() && !(await realpath(path).catch(() => '')).startsWith(root + sep)) {
          listing.quarantined.push({ path: relativePath(listing.root, path), reason: 'a link that leaves the folder' });
        } else found.push(path);
      }
    }
  }
  found.sort(byCodeUnit);
  for (const path of found) listing.images.push({ path: relativePath(listing.root, path), className, split });
}

function relativePath(root: string, path: string): string {
  return relative(root, path).split(sep).join('/');
}
