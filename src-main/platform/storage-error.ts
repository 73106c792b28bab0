/** @file File system errors as `TapsError`: which file, which volume, how much room, what to do. */
import { statSync, statfsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';

export interface Volume {
  /** Topmost folder on the same device. */
  mountPoint: string;
  /** Bytes that an ordinary user may still write. */
  freeBytes: number;
}

/** The volume that holds (or would hold) a path; null when it cannot be asked. */
export function volumeOf(path: string): Volume | null {
  try {
    let folder = resolve(path);
    let device = statSync(folder, { throwIfNoEntry: false })?.dev;
    while (device === undefined && dirname(folder) !== folder) {
      folder = dirname(folder);
      device = statSync(folder, { throwIfNoEntry: false })?.dev;
    }
    const { bavail, bsize } = statfsSync(folder);
    while (dirname(folder) !== folder && statSync(dirname(folder)).dev === device) folder = dirname(folder);
    return { mountPoint: folder, freeBytes: bavail * bsize };
  } catch {
    return null;
  }
}

function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined;
}

const PERMISSION_CODES: readonly (string | undefined)[] = ['EACCES', 'EPERM', 'EROFS'];
const FULL_CODES: readonly (string | undefined)[] = ['ENOSPC', 'EDQUOT', 'SQLITE_FULL'];

/**
 * Describes a failed file operation; a `TapsError` is passed through.
 * @param neededBytes how much the operation wanted to write, for the message about a full disk; null when unknown
 */
export function storageError(error: unknown, action: string, path: string, neededBytes: number | null = null): TapsError {
  if (error instanceof TapsError) return error;
  const code = errnoOf(error);
  if (FULL_CODES.includes(code)) {
    const volume = volumeOf(path);
    const place = volume === null ? '' : ` The volume at ${volume.mountPoint} has ${String(volume.freeBytes)} bytes free`;
    const need = neededBytes === null ? '' : `; ${String(neededBytes)} bytes were to be written`;
    return new TapsError('disk-full', `The disk is full: cannot ${action} ${path}.${place}${place === '' ? '' : `${need}.`}`, 'Free space on that volume and try again; nothing was half-written.', {
      cause: error,
      details: { path, ...(neededBytes === null ? {} : { neededBytes }), ...volume },
    });
  }
  const reason = error instanceof Error ? error.message : String(error);
  const advice = PERMISSION_CODES.includes(code) ? 'Check who may write there.' : 'Check that the drive is connected and healthy, then try again.';
  return new TapsError('io-failed', `Cannot ${action} ${path}: ${reason}.`, advice, { cause: error, details: { path, errno: code ?? null } });
}
