/** @file Files a person chooses: in a native dialog, or by looking through folders over the loopback transport. */
import { TapsError } from '../contract/errors.ts';
import type { FilePurpose, FolderListing } from '../contract/studio/app.ts';
import type { Grant } from '../contract/studio/common.ts';
import { browse } from './browse.ts';
import type { StudioContext } from './context.ts';

/** @throws TapsError `usage` where there are no dialogs */
export async function chooseFiles({ options, grants }: StudioContext, purpose: FilePurpose, many: boolean): Promise<Grant[]> {
  const { choose } = options.platform;
  if (choose === null) throw new TapsError('usage', 'There are no file dialogs here.', 'Look through the folders instead.');
  return (await choose(purpose, many)).map((path) => grants.add(path));
}

/** @throws TapsError `usage` in Electron: the window there has no business looking through folders */
export function browseFiles({ options, grants }: StudioContext, folder: string | null, purpose: FilePurpose): FolderListing {
  if (options.transport !== 'loopback') throw new TapsError('usage', 'Folders are looked through only where there are no file dialogs.', 'Use the file dialog.');
  return browse(grants, folder === null ? null : grants.pathOf(folder), purpose);
}
