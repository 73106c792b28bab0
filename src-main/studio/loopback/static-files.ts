/** @file The window's own files, and nothing beside them. */
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { extname, join, normalize, sep } from 'node:path';
import { pipeline } from 'node:stream/promises';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

/** Absolute path and type of a file of the window, or null for anything else. @param pathname as in the address, still encoded */
export function windowFile(folder: string, pathname: string): { file: string; contentType: string } | null {
  let decoded: string;
  try {
    decoded = decodeURIComponent(pathname);
  } catch {
    return null;
  }
  const path = decoded === '/' ? '/index.html' : decoded;
  const contentType = TYPES[extname(path)];
  const file = normalize(join(folder, path));
  if (contentType === undefined || path.includes('\0') || path.includes('\\') || !file.startsWith(folder + sep)) return null;
  return { file, contentType };
}

/** Streams a file; false when it is not there. */
export async function sendFile(response: ServerResponse, file: string, headers: Readonly<Record<string, string>>): Promise<boolean> {
  const info = await stat(file).catch(() => undefined);
  if (info?.isFile() !== true) return false;
  response.writeHead(200, { ...headers, 'content-length': info.size });
  // A window that goes away in the middle is no failure of ours.
  await pipeline(createReadStream(file), response).catch(() => undefined);
  return true;
}
