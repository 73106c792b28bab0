/**
 * @file The library's unpacked archives: `archives/<SHA-256 of the zip>`. A dataset names its folder by an absolute path, so one that
 * came from an archive is looked up again where the library is now.
 */
import { existsSync } from 'node:fs';
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isErrno } from '../platform/file-system.ts';
import { storageError } from '../platform/storage-error.ts';
import type { Library } from './open-library.ts';

/** The end of such a path: the hash, and perhaps the one folder that all of the archive lies in. */
const IN_ARCHIVES = /[\\/]archives[\\/]([0-9a-f]{64})(?:[\\/]([^\\/]+))?[\\/]?$/;

export function archiveFolder(library: Pick<Library, 'folder'>, sha256: string): string {
  return join(library.folder, 'archives', sha256);
}

/**
 * Where the pictures of a dataset are.
 * @param root of its manifest; the library may have been moved or copied since
 */
export function pictureRoot(library: Pick<Library, 'folder'>, root: string): string {
  const [, sha256, inside] = IN_ARCHIVES.exec(root) ?? [];
  if (sha256 === undefined) return root;
  const here = join(archiveFolder(library, sha256), inside ?? '');
  return existsSync(here) ? here : root;
}

/**
 * Removes unpacked archives that no task's dataset version lies in, and what an ended process left half unpacked.
 * Not while pictures are being inspected: those belong to no task yet.
 * @param kept roots that are needed besides, such as a draft's
 * @returns how many were removed
 * @throws TapsError `io-failed`
 */
export async function removeUnusedArchives(library: Library, kept: readonly string[] = []): Promise<number> {
  const folder = join(library.folder, 'archives');
  const names = await readdir(folder).catch((error: unknown) => {
    if (isErrno(error, 'ENOENT')) return [];
    throw storageError(error, 'list the folder', folder);
  });
  if (names.length === 0) return 0;
  const used = new Set([...library.datasets.rootsInUse(), ...kept].map((root) => IN_ARCHIVES.exec(root)?.[1]));
  const unused = names.filter((name) => !used.has(name));
  for (const name of unused) {
    await rm(join(folder, name), { recursive: true, force: true }).catch((error: unknown) => {
      throw storageError(error, 'remove', join(folder, name));
    });
  }
  return unused.length;
}
