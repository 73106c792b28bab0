/** @file The files of a drop or of an input element, with their paths below what was dropped. */
import type { DroppedFiles } from './transport.ts';

export interface DroppedFile {
  /** Relative, '/' separated. */
  path: string;
  file: File;
}

/** Hidden files and the leftovers of file managers are of no use to anyone. */
const SKIPPED = /(^|\/)(\.|Thumbs\.db$|desktop\.ini$|__MACOSX\/)/;

export async function filesOf({ files, entries }: DroppedFiles): Promise<DroppedFile[]> {
  const found: DroppedFile[] = [];
  if (entries.length === 0) for (const file of files) found.push({ path: file.webkitRelativePath === '' ? file.name : file.webkitRelativePath, file });
  else for (const entry of entries) await walk(entry, '', found);
  return found.filter(({ path }) => !SKIPPED.test(path));
}

async function walk(entry: FileSystemEntry, above: string, found: DroppedFile[]): Promise<void> {
  const path = above === '' ? entry.name : `${above}/${entry.name}`;
  if (entry.isFile) {
    found.push({ path, file: await new Promise<File>((resolve, reject) => (entry as FileSystemFileEntry).file(resolve, reject)) });
    return;
  }
  const reader = (entry as FileSystemDirectoryEntry).createReader();
  // A directory is read in portions of a hundred or so until it has no more.
  for (;;) {
    const portion = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject));
    if (portion.length === 0) return;
    for (const child of portion) await walk(child, path, found);
  }
}
