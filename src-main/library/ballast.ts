/**
 * @file A small file that is given up when the volume is full, so that there is room to open the library and remove things.
 */
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { volumeOf } from '../platform/storage-error.ts';

const BALLAST_FILE = 'ballast';
/** Enough for the shared-memory file and the journal of a removal. */
const BALLAST_BYTES = 256 * 1024;
const FULL_BYTES = 1024 * 1024;
const ROOMY_BYTES = 4 * 1024 * 1024;

/** Drops the ballast on a full volume and takes it aboard on one with room. Never fails: it is a convenience. */
export function balanceBallast(libraryFolder: string): void {
  const path = join(libraryFolder, BALLAST_FILE);
  const freeBytes = volumeOf(libraryFolder)?.freeBytes ?? 0;
  try {
    if (freeBytes < FULL_BYTES) rmSync(path, { force: true });
    // Not zeros: some file systems store those without using space.
    else if (freeBytes > ROOMY_BYTES && !existsSync(path)) writeFileSync(path, new Uint8Array(BALLAST_BYTES).fill(0x42));
  } catch {
    // A read-only or vanished volume makes itself heard in the next step.
  }
}
