/** @file app://studio/…: the window's files and its pictures. `file:` is never loaded. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
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

/**
 * The page's own files are there at once; pictures wait for the studio.
 * @returns resolves when the page has been given its script: from then on it is busy with itself for a while
 */
export function serveWindow(studio: Promise<Studio>, windowFolder: string): Promise<void> {
  const { promise: scriptServed, resolve } = Promise.withResolvers<undefined>();
  protocol.handle(SCHEME, async ({ url, method }) => {
    const { host, pathname, search } = new URL(url);
    if (host !== 'studio' || method !== 'GET') return refused(404);
    if (pathname.startsWith('/picture/')) {
      const picture = await (await studio).picture(pathname + search);
      return picture === null ? refused(404) : fileResponse(picture.file, picture.contentType, 'private, max-age=3600');
    }
    const found = windowFile(windowFolder, pathname);
    if (found === null) return refused(404);
    const response = await fileResponse(found.file, found.contentType, 'no-cache');
    if (pathname.endsWith('.js')) setImmediate(resolve, undefined);
    return response;
  });
  return scriptServed;
}

const HEADERS = { 'content-security-policy': CONTENT_SECURITY_POLICY, 'x-content-type-options': 'nosniff', 'referrer-policy': 'no-referrer' };

/** Whole: these are small files, and a stream would wait for this process once per piece while it is busy starting. */
async function fileResponse(file: string, contentType: string, cacheControl: string): Promise<Response> {
  const body = await readFile(file).then((bytes) => new Uint8Array(bytes.buffer as ArrayBuffer, bytes.byteOffset, bytes.length), () => null);
  if (body === null) return refused(404);
  return new Response(body, { headers: { ...HEADERS, 'content-type': contentType, 'content-length': String(body.length), 'cache-control': cacheControl } });
}

function refused(status: number): Response {
  return new Response(null, { status, headers: HEADERS });
}
