/**
 * @file The studio for a browser: the same window, contract and main side on 127.0.0.1. For machines without Electron, and for a
 * GPU machine behind an SSH tunnel. See docs/studio.md for what a request must carry.
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { envelopeOf, TapsError } from '../../contract/errors.ts';
import type { Reply } from '../../contract/studio/contract.ts';
import { MAX_REQUEST_BYTES } from '../../contract/studio/limits.ts';
import type { Grant } from '../../contract/studio/common.ts';
import type { Studio } from '../studio.ts';
import { readBody, TooLarge } from './bodies.ts';
import { EventStreams } from './event-stream.ts';
import { Gatekeeper, SECURITY_HEADERS } from './security.ts';
import { sendFile, windowFile } from './static-files.ts';
import { Uploads } from './uploads.ts';

export interface LoopbackOptions {
  studio: Studio;
  /** Folder of the built window. */
  windowFolder: string;
  /** Where dropped files are kept. */
  uploadFolder: string;
  /** 0: any free one. */
  port: number;
}

export interface LoopbackServer {
  /** With the token; whoever has it can do what the person at the screen can. */
  url: string;
  port: number;
  close(): Promise<void>;
}

const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 15 * 60_000;
const MOST_CONNECTIONS = 256;

/** @throws TapsError `usage` when the port is taken */
export async function serveLoopback(options: LoopbackOptions): Promise<LoopbackServer> {
  const gate = new Gatekeeper();
  const streams = new EventStreams();
  const uploads = new Uploads(options.uploadFolder);
  const off = options.studio.onEvent((event) => {
    streams.send(event);
  });
  const routes = new Routes(options, gate, streams, uploads);
  const server = createServer({ maxHeaderSize: 16 * 1024, headersTimeout: HEADERS_TIMEOUT_MS, requestTimeout: REQUEST_TIMEOUT_MS }, (request, response) => {
    void routes.answer(request, response);
  });
  server.maxConnections = MOST_CONNECTIONS;
  const port = await listen(server, options.port);
  routes.port = port;
  return {
    url: `http://127.0.0.1:${String(port)}/#token=${gate.token}&key=${gate.readKey}`,
    port,
    close: async () => {
      off();
      streams.close();
      await uploads.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new TapsError('usage', `Port ${String(port)} is taken by another program.`, 'Choose another --port, or leave it out.', { cause: error }) : error);
    });
    server.listen(port, '127.0.0.1', () => {
      resolve((server.address() as AddressInfo).port);
    });
  });
}

class Routes {
  /** Known once the server listens. */
  port = 0;
  readonly #options: LoopbackOptions;
  readonly #gate: Gatekeeper;
  readonly #streams: EventStreams;
  readonly #uploads: Uploads;

  constructor(options: LoopbackOptions, gate: Gatekeeper, streams: EventStreams, uploads: Uploads) {
    this.#options = options;
    this.#gate = gate;
    this.#streams = streams;
    this.#uploads = uploads;
  }

  /** Never rejects: a request that goes wrong gets a status, others go on. */
  async answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    response.on('error', () => undefined);
    for (const [name, value] of Object.entries(SECURITY_HEADERS)) response.setHeader(name, value);
    try {
      await this.#route(request, response);
    } catch (error) {
      if (response.headersSent) response.destroy();
      else if (error instanceof TooLarge) refuse(response, 413);
      else refuse(response, 500);
    }
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', headers } = request;
    if (!this.#gate.isOwnHost(headers.host, this.port)) { refuse(response, 421); return; }
    if (!this.#gate.isOwnOrigin(headers, this.port)) { refuse(response, 403); return; }
    const address = addressOf(request.url);
    if (address === null) { refuse(response, 400); return; }
    const { pathname } = address;
    if (pathname.startsWith('/picture/') || pathname.startsWith('/download/')) return this.#read(method, address, response);
    if (pathname === '/request' || pathname === '/events' || pathname.startsWith('/upload')) {
      const verdict = this.#gate.judge(headers.authorization);
      if (verdict !== 'right') { refuse(response, verdict === 'limited' ? 429 : 401); return; }
      return this.#privileged(method, address, request, response);
    }
    if (method !== 'GET' && method !== 'HEAD') { refuse(response, 405); return; }
    const found = windowFile(this.#options.windowFolder, pathname);
    if (found === null || !(await sendFile(response, found.file, { 'content-type': found.contentType }))) refuse(response, 404);
  }

  async #privileged(method: string, { pathname }: URL, request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (pathname === '/events') {
      if (method !== 'GET') { refuse(response, 405); return; }
      response.writeHead(200, { 'content-type': 'application/x-ndjson; charset=utf-8' });
      this.#streams.add(response);
      return;
    }
    if (pathname === '/upload/file') {
      if (method !== 'PUT') { refuse(response, 405); return; }
      sendReply(response, await attempt(() => this.#receive(request))); return;
    }
    if (method !== 'POST') { refuse(response, 405); return; }
    if (headerOf(request, 'content-type').split(';')[0]?.trim() !== 'application/json') { refuse(response, 415); return; }
    const body = parseJson(await readBody(request, MAX_REQUEST_BYTES));
    if (body === undefined) { refuse(response, 400); return; }
    switch (pathname) {
      case '/request':
        { sendReply(response, await this.#options.studio.handle(body['name'], body['input'])); return; }
      case '/upload/begin':
        { sendReply(response, await attempt(() => this.#uploads.begin())); return; }
      case '/upload/finish':
        { sendReply(response, await attempt(() => this.#finish(String(body['session'])))); return; }
      case '/upload/abandon':
        { sendReply(response, await attempt(() => this.#uploads.abandon(String(body['session'])).then(() => null))); return; }
      default:
        { refuse(response, 404); return; }
    }
  }

  async #receive(request: IncomingMessage): Promise<null> {
    let path: string;
    try {
      path = decodeURIComponent(headerOf(request, 'x-upload-path'));
    } catch (error) {
      throw new TapsError('usage', 'The name of a dropped file cannot be read.', 'Rename it and drop it again.', { cause: error });
    }
    await this.#uploads.receive(headerOf(request, 'x-upload-session'), path, request);
    return null;
  }

  async #finish(session: string): Promise<Grant[]> {
    const paths = await this.#uploads.finish(session);
    return Promise.all(paths.map((path) => this.#options.studio.grants.add(path)));
  }

  /** Pictures and exported files, by the key that opens only these. */
  async #read(method: string, address: URL, response: ServerResponse): Promise<void> {
    if (method !== 'GET') { refuse(response, 405); return; }
    if (!this.#gate.opensReading(address.searchParams.get('key'))) { refuse(response, 401); return; }
    if (address.pathname.startsWith('/picture/')) {
      const size = address.searchParams.get('size');
      const picture = await this.#options.studio.picture(address.pathname + (size === null ? '' : `?size=${size}`));
      if (picture === null || !(await sendFile(response, picture.file, { 'content-type': picture.contentType, 'cache-control': 'private, max-age=3600' }))) refuse(response, 404);
      return;
    }
    const file = this.#options.studio.exportedFile(address.pathname.slice('/download/'.length));
    const disposition = file === null ? '' : `attachment; filename*=UTF-8''${encodeURIComponent(file.fileName)}`;
    if (file === null || !(await sendFile(response, file.path, { 'content-type': 'application/octet-stream', 'content-disposition': disposition }))) refuse(response, 404);
  }
}

/** Relative to this server; null for what is no address. */
function addressOf(url = '/'): URL | null {
  try {
    return new URL(url, 'http://127.0.0.1');
  } catch {
    return null;
  }
}

function headerOf(request: IncomingMessage, name: string): string {
  const value = request.headers[name];
  return typeof value === 'string' ? value : '';
}

function parseJson(body: Buffer): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(body.toString('utf8'));
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}

async function attempt(work: () => Promise<unknown>): Promise<Reply<unknown>> {
  try {
    return { ok: true, value: await work() };
  } catch (error) {
    return { ok: false, error: envelopeOf(error) };
  }
}

function sendReply(response: ServerResponse, reply: Reply<unknown>): void {
  response.writeHead(200, { 'content-type': 'application/json; charset=utf-8' });
  response.end(JSON.stringify(reply));
}

function refuse(response: ServerResponse, status: number): void {
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...(status >= 400 && status !== 404 ? { connection: 'close' } : {}) });
  response.end(`${String(status)}\n`);
}

/** Where a library keeps what was dropped on a browser's window. */
export function uploadFolderOf(libraryFolder: string): string {
  return join(libraryFolder, 'uploads');
}
