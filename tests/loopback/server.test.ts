/** @file The loopback server refuses whoever is not the window: wrong host, origin, token, key, method, size, path. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { TapsError } from '../../src-main/contract/errors.ts';
import type { Grant } from '../../src-main/contract/studio/common.ts';
import type { Reply } from '../../src-main/contract/studio/contract.ts';
import { MAX_REQUEST_BYTES } from '../../src-main/contract/studio/limits.ts';
import { serveLoopback, uploadFolderOf, type LoopbackServer } from '../../src-main/studio/loopback/server.ts';
import { checkedSegments } from '../../src-main/studio/loopback/uploads.ts';
import { createStudio, type Studio } from '../../src-main/studio/studio.ts';

const folder = mkdtempSync(join(tmpdir(), 'taps-loopback-'));
const windowFolder = join(folder, 'window');
const libraryFolder = join(folder, 'library');
let studio: Studio;
let server: LoopbackServer;
let keys: URLSearchParams;

before(async () => {
  mkdirSync(windowFolder);
  writeFileSync(join(windowFolder, 'index.html'), '<h1>window</h1>');
  writeFileSync(join(folder, 'secret.html'), 'secret');
  studio = await createStudio({ libraryFolder, transport: 'loopback', platform: { choose: null, reveal: null, logFile: null }, settingsFolder: join(folder, 'settings') });
  server = await serveLoopback({ studio, windowFolder, uploadFolder: uploadFolderOf(libraryFolder), port: 0 });
  keys = new URLSearchParams(server.url.split('#')[1]);
});
after(async () => {
  await server.close();
  await studio.close();
  rmSync(folder, { recursive: true, force: true });
});

interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  body: string;
}
function send(method: string, path: string, headers: Record<string, string> = {}, body?: string | Buffer): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port: server.port, method, path, headers, setHost: headers['host'] === undefined }, (response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString('utf8') });
      });
    });
    outgoing.on('error', reject);
    outgoing.end(body);
  });
}
const bearer = (): Record<string, string> => ({ authorization: `Bearer ${keys.get('token') ?? ''}`, 'content-type': 'application/json' });
const ask = (name: string, input: unknown = {}, headers: Record<string, string> = {}): Promise<Answer> => send('POST', '/request', { ...bearer(), ...headers }, JSON.stringify({ name, input }));

test('the window and the studio answer their own page', async () => {
  const page = await send('GET', '/');
  assert.equal(page.status, 200);
  assert.match(String(page.headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
  assert.equal(page.headers['x-content-type-options'], 'nosniff');
  assert.ok(!page.body.includes(keys.get('token') ?? ''), 'the token is in no answer');
  const state = JSON.parse((await ask('app.state')).body) as Reply<{ transport: string }>;
  assert.ok(state.ok && state.value.transport === 'loopback');
  assert.equal((await ask('app.state', {}, { origin: `http://localhost:${String(server.port)}` })).status, 200);
});

test('foreign names and pages are refused before anything is looked at (DNS rebinding, cross-site)', async () => {
  for (const host of ['evil.com', '127.0.0.1.nip.io', `evil.com:${String(server.port)}`, '127.0.0.1', `0.0.0.0:${String(server.port)}`, '']) assert.equal((await ask('app.state', {}, { host })).status, 421, host);
  for (const origin of ['http://evil.com', 'null', 'http://127.0.0.1:1', `https://127.0.0.1:${String(server.port)}`]) assert.equal((await ask('app.state', {}, { origin })).status, 403, origin);
  assert.equal((await ask('app.state', {}, { 'sec-fetch-site': 'cross-site' })).status, 403);
  const preflight = await send('OPTIONS', '/request', { origin: 'http://evil.com', 'access-control-request-method': 'POST' });
  assert.equal(preflight.status, 403);
  assert.equal(preflight.headers['access-control-allow-origin'], undefined);
});

test('methods, types, sizes and shapes', async () => {
  assert.equal((await send('GET', '/request', bearer())).status, 405);
  assert.equal((await send('POST', '/', bearer(), '{}')).status, 405);
  assert.equal((await send('POST', '/request', { ...bearer(), 'content-type': 'text/plain' }, '{}')).status, 415);
  assert.equal((await send('POST', '/request', bearer(), 'not json')).status, 400);
  assert.equal((await send('POST', '/request', bearer(), '[1]')).status, 400);
  assert.equal((await send('POST', '/request', { ...bearer(), 'content-length': String(MAX_REQUEST_BYTES + 1) }, 'x').catch((): Answer => ({ status: 413, headers: {}, body: '' }))).status, 413);
  const unknown = JSON.parse((await ask('__proto__')).body) as Reply<unknown>;
  assert.ok(!unknown.ok && unknown.error.code === 'usage');
  assert.equal((await send('GET', '/events', { authorization: 'Bearer x' })).status, 401);
});

test('static files stay inside the window’s folder', async () => {
  for (const path of ['/../secret.html', '/%2e%2e/secret.html', '/..%2fsecret.html', '/%2e%2e%2fsecret.html', '/%', '/\0.html', '//etc/passwd', '/.built', '/secret.html']) {
    const { status, body } = await send('GET', encodeURI(path) === path ? path : path.replaceAll('\0', '%00'));
    assert.ok(status === 404 || status === 400, `${path}: ${String(status)}`);
    assert.ok(!body.includes('secret'));
  }
});

test('pictures and downloads open with their own key only, and that key opens nothing else', async () => {
  const key = keys.get('key') ?? '';
  assert.equal((await send('GET', '/picture/dataset/x/0?size=96')).status, 401);
  assert.equal((await send('GET', `/picture/dataset/x/0?size=96&key=${keys.get('token') ?? ''}`)).status, 401);
  assert.equal((await send('GET', `/picture/dataset/x/0?size=96&key=${key}`)).status, 404);
  assert.equal((await send('GET', `/download/none?key=${key}`)).status, 404);
  assert.equal((await send('POST', '/request', { ...bearer(), authorization: `Bearer ${key}` }, '{}')).status, 401);
});

test('files of a drop arrive whole, inside their own folder, under checked names', async () => {
  const { authorization = '' } = bearer();
  const begun = JSON.parse((await send('POST', '/upload/begin', bearer(), '{}')).body) as Reply<string>;
  assert.ok(begun.ok);
  const put = (path: string, body: string): Promise<Answer> => send('PUT', '/upload/file', { authorization, 'x-upload-session': begun.value, 'x-upload-path': encodeURIComponent(path) }, body);
  assert.ok((JSON.parse((await put('my pictures مرحبا/a b.png', 'hello')).body) as Reply<unknown>).ok);
  for (const path of ['../out.png', '/etc/x', 'a/../../x', 'a\\..\\x', 'CON', 'a/nul.txt', 'x.', 'a//b', 'n'.repeat(256), 'a:stream', '']) {
    const reply = JSON.parse((await put(path, 'evil')).body) as Reply<unknown>;
    assert.ok(!reply.ok && reply.error.code === 'usage', path);
  }
  const done = JSON.parse((await send('POST', '/upload/finish', bearer(), JSON.stringify({ session: begun.value }))).body) as Reply<Grant[]>;
  assert.ok(done.ok);
  assert.deepEqual(done.value.map(({ name, kind }) => [name, kind]), [['my pictures مرحبا', 'folder']]);
  assert.equal(readFileSync(join(done.value[0]?.displayPath ?? '', 'a b.png'), 'utf8'), 'hello');
  assert.ok(!existsSync(join(uploadFolderOf(libraryFolder), 'out.png')));
  assert.deepEqual(checkedSegments('a/b.png'), ['a', 'b.png']);
  assert.throws(() => checkedSegments(Array.from({ length: 40 }, () => 'a').join('/')), TapsError);
});

test('events arrive as lines; the server listens on this machine only', async () => {
  const line = await new Promise<string>((resolve, reject) => {
    const outgoing = httpRequest({ host: '127.0.0.1', port: server.port, path: '/events', headers: { authorization: bearer()['authorization'] ?? '' } }, (response) => {
      let text = '';
      response.on('data', (chunk: Buffer) => {
        text += chunk.toString('utf8');
        const found = text.split('\n').find((entry) => entry !== '');
        if (found === undefined) return;
        outgoing.destroy();
        resolve(found);
      });
      void ask('settings.change', { theme: 'dark' });
    });
    outgoing.on('error', reject);
    outgoing.end();
  });
  assert.match(line, /^\{"name":"settings.changed"/);
  const outside = Object.values(networkInterfaces()).flatMap((list) => list ?? []).find(({ family, internal }) => family === 'IPv4' && !internal);
  if (outside === undefined) return;
  const reached = await new Promise<boolean>((resolve) => {
    const socket = connect({ host: outside.address, port: server.port, timeout: 2000 }, () => {
      resolve(true);
      socket.destroy();
    });
    for (const event of ['error', 'timeout']) socket.on(event, () => {
      resolve(false);
    });
  });
  assert.equal(reached, false, `${outside.address} must not answer`);
});

// Last: it uses up the guesses of a minute.
test('wrong tokens are refused, then limited; the right one still opens', async () => {
  const statuses: number[] = [];
  for (let guess = 0; guess < 25; guess++) statuses.push((await send('POST', '/request', { ...bearer(), authorization: `Bearer ${'x'.repeat(guess)}` }, '{}')).status);
  assert.equal(statuses[0], 401);
  assert.equal(statuses.at(-1), 429);
  assert.equal((await ask('app.state')).status, 200);
});
