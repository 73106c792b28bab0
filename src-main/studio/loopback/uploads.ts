/**
 * @file Files that a browser sends: a drop becomes a folder of its own below the library, because tasks refer to their pictures by
 * place. Names come from strangers' file systems and are checked before anything is written.
 */
import { randomBytes } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { Transform } from 'node:stream';
import { TapsError } from '../../contract/errors.ts';
import { storageError } from '../../platform/storage-error.ts';

const MOST_FILES = 200_000;
const MOST_TOTAL_BYTES = 50e9;
const MOST_FILE_BYTES = 4e9;
const MOST_DEPTH = 32;
const MOST_NAME_BYTES = 255;
const MOST_SESSIONS = 16;

interface Session {
  folder: string;
  files: number;
  bytes: number;
}

export class Uploads {
  readonly #root: string;
  readonly #sessions = new Map<string, Session>();

  /** @param root folder that is made when it is needed */
  constructor(root: string) {
    this.#root = root;
  }

  async begin(): Promise<string> {
    if (this.#sessions.size >= MOST_SESSIONS) throw new TapsError('usage', `${String(MOST_SESSIONS)} drops are being received already.`, 'Wait for one to finish.');
    const id = randomBytes(16).toString('hex');
    const folder = join(this.#root, id);
    await mkdir(folder, { recursive: true }).catch((error: unknown) => {
      throw storageError(error, 'make the folder', folder);
    });
    this.#sessions.set(id, { folder, files: 0, bytes: 0 });
    return id;
  }

  /** Receives one file. @param path relative, '/' separated. @throws TapsError `usage` for a path or size that is refused */
  async receive(id: string, path: string, request: IncomingMessage): Promise<void> {
    const session = this.#require(id);
    const target = join(session.folder, ...checkedSegments(path));
    if (++session.files > MOST_FILES) throw new TapsError('usage', `More than ${String(MOST_FILES)} files were dropped.`, 'Copy the folder to the computer that runs the studio and choose it there.');
    let bytes = 0;
    const count = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        bytes += chunk.length;
        session.bytes += chunk.length;
        if (bytes > MOST_FILE_BYTES || session.bytes > MOST_TOTAL_BYTES) done(new TapsError('usage', `${path} is larger than what can be sent.`, 'Copy it to the computer that runs the studio and choose it there.'));
        else done(null, chunk);
      },
    });
    const partial = `${target}.partial`;
    try {
      await mkdir(dirname(target), { recursive: true });
      await pipeline(request, count, createWriteStream(partial, { flags: 'wx' }));
      await rename(partial, target);
    } catch (error) {
      await rm(partial, { force: true }).catch(() => undefined);
      throw storageError(error, 'receive', path);
    }
  }

  /** What was dropped: the top-level files and folders, absolute. The session ends. */
  async finish(id: string): Promise<string[]> {
    const { folder } = this.#require(id);
    this.#sessions.delete(id);
    const names = await readdir(folder);
    return names.map((name) => join(folder, name));
  }

  /** Of a drop that broke off. */
  async abandon(id: string): Promise<void> {
    const session = this.#sessions.get(id);
    this.#sessions.delete(id);
    if (session !== undefined) await rm(session.folder, { recursive: true, force: true });
  }

  async close(): Promise<void> {
    await Promise.all([...this.#sessions.keys()].map((id) => this.abandon(id)));
  }

  #require(id: string): Session {
    const session = this.#sessions.get(id);
    if (session === undefined) throw new TapsError('not-found', 'This drop has ended.', 'Drop the files again.');
    return session;
  }
}

/** @throws TapsError `usage` for anything that could lead out of the folder or that some file system takes for something else */
export function checkedSegments(path: string): string[] {
  const segments = path.split('/');
  const bad = (segment: string): boolean =>
    segment === '' || segment === '.' || segment === '..' || /[\\:\p{Cc}]/u.test(segment) || /[. ]$/.test(segment) || Buffer.byteLength(segment) > MOST_NAME_BYTES || /^(con|prn|aux|nul|com\d|lpt\d)(\.|$)/i.test(segment);
  if (segments.length > MOST_DEPTH || segments.some(bad)) {
    throw new TapsError('usage', `The name ${JSON.stringify(path.slice(0, 200))} cannot be used.`, 'Rename the file or folder and drop it again.');
  }
  return segments;
}
