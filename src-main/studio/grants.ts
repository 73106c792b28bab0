/**
 * @file What a person has chosen: unguessable tokens for real paths. The only place where something a window sends becomes a path.
 * Grants live as long as the program.
 */
import { randomBytes } from 'node:crypto';
import { existsSync, realpathSync, statSync } from 'node:fs';
import { basename, extname, join, resolve } from 'node:path';
import { TapsError } from '../contract/errors.ts';
import type { Grant } from '../contract/studio/common.ts';

const TOKEN_BYTES = 32;

export class Grants {
  readonly #byToken = new Map<string, string>();
  readonly #byPath = new Map<string, string>();

  /**
   * Grants a file or folder; links are followed now, so that a later change of a link changes nothing.
   * @throws TapsError `not-found`
   */
  add(path: string): Grant {
    const found = realPathOf(path);
    const token = this.#byPath.get(found.path) ?? randomBytes(TOKEN_BYTES).toString('base64url');
    this.#byPath.set(found.path, token);
    this.#byToken.set(token, found.path);
    const { path: displayPath, isFolder, bytes } = found;
    return { token, name: basename(displayPath) === '' ? displayPath : basename(displayPath), displayPath, kind: isFolder ? 'folder' : 'file', bytes: isFolder ? null : bytes, content: contentOf(displayPath, isFolder) };
  }

  /** null when it cannot be granted (gone, unreadable, neither file nor folder). */
  tryAdd(path: string): Grant | null {
    try {
      return this.add(path);
    } catch {
      return null;
    }
  }

  /** @throws TapsError `not-found` for a token of nobody */
  pathOf(token: string): string {
    const path = this.#byToken.get(token);
    if (path === undefined) throw new TapsError('not-found', 'The file or folder was not chosen in this session.', 'Choose it again.');
    return path;
  }
}

/** By names only: what a file really is, its reader finds out. */
function contentOf(path: string, isFolder: boolean): Grant['content'] {
  if (isFolder) {
    if (existsSync(join(path, 'taps_config.json'))) return 'task';
    return existsSync(join(path, 'model.json')) ? 'model' : 'images';
  }
  const extension = extname(path).toLowerCase();
  if (extension === '.onnx' || basename(path).toLowerCase() === 'model.json') return 'model';
  if (extension === '.taps') return 'task';
  return extension === '.zip' || extension === '.csv' ? 'images' : 'other';
}

function realPathOf(path: string): { path: string; isFolder: boolean; bytes: number } {
  try {
    const real = realpathSync(resolve(path));
    const info = statSync(real);
    if (info.isFile() || info.isDirectory()) return { path: real, isFolder: info.isDirectory(), bytes: info.size };
  } catch {
    // Said below.
  }
  throw new TapsError('not-found', `There is no file or folder ${path}.`, 'Check that it is still there and that you may read it.');
}
