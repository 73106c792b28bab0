/** @file A folder of the machine that serves the studio, for choosing files where there is no native dialog (loopback only). */
import { readdirSync, realpathSync, statSync, type Dirent } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import type { FilePurpose, FolderListing } from '../contract/studio/app.ts';
import { storageError } from '../platform/storage-error.ts';
import type { Grants } from './grants.ts';

/** A listing is for a person to look through. */
const MAX_ENTRIES = 1000;
const PICTURES = new Set(['.jpg', '.jpeg', '.png', '.webp', '.gif', '.tif', '.tiff', '.avif']);

/** Extensions of the files that are listed for a purpose; null: folders only. */
const FILES_OF: Readonly<Record<FilePurpose, ReadonlySet<string> | null>> = {
  model: new Set(['.onnx', '.json']),
  'images-file': new Set(['.csv', '.zip']),
  pictures: PICTURES,
  task: new Set(['.taps']),
  'model-folder': null,
  'images-folder': null,
  'task-folder': null,
  'export-folder': null,
  'library-folder': null,
};

/** @param folder null: the home folder @throws TapsError `not-found`, `io-failed` */
export function browse(grants: Grants, folder: string | null, purpose: FilePurpose): FolderListing {
  const path = folder ?? realpathSync(homedir());
  const wanted = FILES_OF[purpose];
  let found: Dirent[];
  try {
    found = readdirSync(path, { withFileTypes: true });
  } catch (error) {
    throw storageError(error, 'list the folder', path);
  }
  const listed = found
    .filter(({ name }) => !name.startsWith('.'))
    .map((entry) => ({ name: entry.name, isFolder: isFolder(path, entry) }))
    .filter(({ name, isFolder: folderEntry }) => folderEntry || wanted?.has(extname(name).toLowerCase()) === true)
    .sort((a, b) => Number(b.isFolder) - Number(a.isFolder) || a.name.localeCompare(b.name));
  const entries = listed.slice(0, MAX_ENTRIES).flatMap(({ name }) => grants.tryAdd(join(path, name)) ?? []);
  const parent = dirname(path);
  return { folder: grants.add(path), parent: parent === path ? null : grants.tryAdd(parent), entries, omitted: Math.max(0, listed.length - MAX_ENTRIES) };
}

function isFolder(folder: string, entry: Dirent): boolean {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return statSync(join(folder, entry.name), { throwIfNoEntry: false })?.isDirectory() === true;
}
