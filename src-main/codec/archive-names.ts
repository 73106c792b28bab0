/** @file Which names inside an archive are hostile, which are only unusable, and which collide. Pure. */
import { extname } from 'node:path';
import { IMAGE_EXTENSIONS } from '../data/listing.ts';

/** What a dataset is made of besides pictures. */
const TABLE_EXTENSION = '.csv';
const MOST_DEPTH = 32;
/** What ext4, NTFS and APFS can all hold. */
const MOST_NAME_BYTES = 255;
const MOST_PATH_BYTES = 1024;

/** Names that Windows gives to devices, with any extension. */
const DEVICE = /^(?:con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³])(?:\..*)?$/i;
const CONTROL = /[\u0000-\u001f\u007f]/;

export function isPicture(name: string): boolean {
  return IMAGE_EXTENSIONS.has(extname(name).toLowerCase());
}

export function isTable(name: string): boolean {
  return extname(name).toLowerCase() === TABLE_EXTENSION;
}

/** Hidden files, and what macOS puts beside every picture it packs. */
export function isHidden(name: string): boolean {
  return name.split('/').some((part) => (part.startsWith('.') && part !== '.') || part === '__MACOSX');
}

/** Why nothing may be written under this name, however honest the rest of the archive is; such names are made by attackers only. */
export function hostility(name: string): string | undefined {
  if (CONTROL.test(name)) return 'a control character in its name';
  if (name.includes('\\')) return 'a backslash in its name';
  if (name.startsWith('/') || /^[a-z]:/i.test(name)) return 'an absolute path';
  if (name.split('/').includes('..')) return 'a path that leaves the archive';
  return undefined;
}

/** Why a file is left out whose name some system cannot hold. */
export function objection(name: string): string | undefined {
  const parts = name.split('/');
  if (parts.length > MOST_DEPTH) return `lies in more than ${String(MOST_DEPTH)} folders`;
  if (Buffer.byteLength(name) > MOST_PATH_BYTES) return `its path has more than ${String(MOST_PATH_BYTES)} bytes`;
  for (const part of parts) {
    if (part === '' || part === '.') return 'an empty name in its path';
    if (Buffer.byteLength(part) > MOST_NAME_BYTES) return `a name of more than ${String(MOST_NAME_BYTES)} bytes`;
    if (/[<>:"|?*]/.test(part)) return 'a character in its name that Windows does not allow';
    if (/[. ]$/.test(part)) return 'a name that ends in a dot or space';
    if (DEVICE.test(part)) return 'a name that Windows keeps for a device';
  }
  return undefined;
}

/** Finds names that are one file, or one folder, where case or Unicode form do not count (Windows, macOS). */
export class NameCollisions {
  /** Folded path → as it was written first; files and folders together. */
  readonly #taken = new Map<string, { name: string; isFile: boolean }>();

  /** The name it collides with, or undefined; a name that does not collide is taken from now on. */
  add(name: string): string | undefined {
    const parts = name.split('/');
    for (let depth = 1; depth <= parts.length; depth++) {
      const path = parts.slice(0, depth).join('/');
      const isFile = depth === parts.length;
      const key = path.normalize('NFC').toLowerCase();
      const taken = this.#taken.get(key);
      if (taken === undefined) this.#taken.set(key, { name: path, isFile });
      else if (isFile || taken.isFile || taken.name !== path) return taken.name;
    }
    return undefined;
  }
}
