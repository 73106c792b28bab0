/** @file Files on a command line, of this start or of a second one. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/**
 * Absolute paths of the words that name something that is there. Desktops on Linux hand over addresses (of the scheme `file`) instead of paths.
 * @param argv with the program as its first word @param folder from which relative words are meant
 * @param appFolder the app itself, which is a word too when a checkout is started
 */
export function filesIn(argv: readonly string[], folder: string, appFolder: string): string[] {
  return argv
    .slice(1)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .flatMap((word) => pathOf(word, folder) ?? [])
    .filter((path) => path !== appFolder && existsSync(path));
}

function pathOf(word: string, folder: string): string | null {
  if (!/^file:/iu.test(word)) return resolve(folder, word);
  try {
    return fileURLToPath(word);
  } catch {
    // An address of another machine, or one with a broken escape.
    return null;
  }
}
