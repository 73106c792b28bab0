/** @file The version of this program. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Of the package.json beside src-main or dist. */
export function programVersion(): string {
  const { version } = JSON.parse(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8')) as { version: string };
  return version;
}
