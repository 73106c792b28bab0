/** @file app://studio/…: the window's files and its pictures. `file:` is never loaded. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { protocol } from 'electron';
import { CONTENT_SECURITY_POLICY } from '../studio/loopback/security.ts';
import { windowFile } from '../studio/loopback/static-files.ts';
import type { Studio } from '../studio/studio.ts';
import { SCHEME } from './origin.ts';

/** Where the build puts the window, beside this folder. */
export const WINDOW_FOLDER = join(import.meta.dirname, '..', 'renderer');

/** Before the app is ready. Standard and secure: relative addresses, a content security policy and storage work as for https. */
export function registerScheme(): void {
  protocol.registerSchemesAsPrivileged([{ scheme: SCHEME, privileges: { standard: true, secure: true, supportFetchAPI: true, stream: true } }]);
}

export function serveWindow(studio: Studio, windowFolder: string): void {
  protocol.handle(SCHEME, async ({ url, method }) => {
    const { host, pathname, search } = new URL(url);
    if (host !== 'studio' || method !== 'GET') return refused(404);
    if (pathname.startsWith('/picture/')) {
      const picture = await studio.picture(pathname + search);
      return picture === null ? refused(404) : fileResponse(picture.file, picture.contentType, 'private, max-age=3600');
    }
    const found = windowFile(windowFolder, pathname);
    return found === null ? refused(404) : fileResponse(found.file, found.contentType, 'no-cache');
  });
}

const HEADERS = { 'content-security-policy': CONTENT_SECURITY_POLICY, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

async function fileResponse(file: string, contentType: string, cacheControl: string): Promise<Response> {
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() !== true) return refused(404);
  const body = Readable.toWeb(createReadStream(file)) as ReadableStream<Uint8Array>;
  return new Response(body, { headers: { ...HEADERS, 'content-type': contentType, 'content-length': String(info.size), 'cache-control': cacheControl } });
}

function refused(status: number): Response {
  return new Response(null, { status, headers: HEADERS });
}
