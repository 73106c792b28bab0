/** @file Files on a command line, of this start or of a second one. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';

/**
 * Absolute paths of the words that name something that is there.
 * @param argv with the program as its first word @param folder from which relative words are meant
 * @param appFolder the app itself, which is a word too when a checkout is started
 */
export function filesIn(argv: readonly string[], folder: string, appFolder: string): string[] {
  return argv
    .slice(1)
    .filter((word) => word !== '' && !word.startsWith('-'))
    .map((word) => resolve(folder, word))
    .filter((path) => path !== appFolder && existsSync(path));
}
