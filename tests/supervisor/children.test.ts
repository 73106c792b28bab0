/** @file Children that crash, hang, lie or fall silent become errors of whoever waits, and leave no process behind. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { TapsError, type ErrorCode } from '../../src-main/contract/errors.ts';
import { OwnedChild } from '../../src-main/supervisor/owned-child.ts';
import { RequestChild } from '../../src-main/supervisor/request-child.ts';

const folder = mkdtempSync(join(tmpdir(), 'taps-children-'));
after(() => {
  rmSync(folder, { recursive: true, force: true });
});

function script(name: string, text: string): string {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, text);
  return file;
}

function endOf(child: OwnedChild): Promise<TapsError> {
  return new Promise((resolve) => {
    child.onEnd(resolve);
  });
}

function gone(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
}

async function rejectsWith(code: ErrorCode, pattern: RegExp, promise: Promise<unknown>): Promise<void> {
  await assert.rejects(promise, (error: unknown) => {
    assert.ok(error instanceof TapsError, String(error));
    assert.equal(error.code, code);
    assert.match(error.message, pattern);
    return true;
  });
}

const ECHO = "process.on('message', (m) => process.send({ id: m.id, ok: true, value: m.payload }));";

test('a request is answered, with progress before it', async () => {
  const file = script('progress', "process.on('message', (m) => { process.send({ id: m.id, progress: { done: 1, total: 2 } }); process.send({ id: m.id, ok: true, value: new Float32Array([1, 2]) }); });");
  const child = new RequestChild('codec', { file });
  const seen: number[] = [];
  const value = await child.request('x', null, { onProgress: (done, total) => seen.push(done, total) });
  assert.deepEqual(value, new Float32Array([1, 2]));
  assert.deepEqual(seen, [1, 2]);
  await child.stop();
});

test('a crash names exit code and last words', async () => {
  const child = new RequestChild('codec', { file: script('crash', "process.on('message', () => { console.error('out of cheese'); process.exit(7); });") });
  await rejectsWith('child-crashed', /exit code 7[\s\S]*out of cheese/, child.request('x', null));
});

test('an abort and an exit without an answer are crashes too', async () => {
  await rejectsWith('child-crashed', /SIGABRT/, new RequestChild('codec', { file: script('abort', "process.on('message', () => process.abort());") }).request('x', null));
  await rejectsWith('child-crashed', /exit code 0/, new RequestChild('codec', { file: script('quiet', "process.on('message', () => process.exit(0));") }).request('x', null));
});

test('an error of the child keeps its code', async () => {
  const reply = "process.on('message', (m) => process.send({ id: m.id, ok: false, error: { code: 'image-unreadable', message: 'no picture', advice: 'x' } }));";
  const child = new RequestChild('codec', { file: script('refuses', reply) });
  await rejectsWith('image-unreadable', /no picture/, child.request('x', null));
  await child.stop();
});

test('answers to nobody are ignored', async () => {
  const child = new RequestChild('codec', { file: script('noise', `process.send({ id: 99, ok: true }); process.send({ hello: 1 }); ${ECHO}`) });
  assert.equal(await child.request('x', 'mine'), 'mine');
  await child.stop();
});

test('a stopped process is found out by its silence', async () => {
  const child = new OwnedChild('codec', { file: script('stopped', "setInterval(() => process.send({ id: 0, progress: { done: 0, total: 1 } }), 100);"), silenceMs: 2500 });
  await new Promise<void>((resolve) => child.onMessage(() => { resolve(); }));
  const { pid } = child;
  process.kill(pid, 'SIGSTOP');
  const error = await endOf(child);
  assert.equal(error.code, 'child-crashed');
  assert.match(error.message, /no sign of life/);
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.ok(gone(pid), 'no process is left');
});

test('memory beyond the limit ends the child with advice', async (t) => {
  if (process.platform !== 'linux') {
    t.skip('reads /proc: Linux only');
    return;
  }
  const child = new OwnedChild('trainer', { file: script('hungry', "globalThis.kept = []; setInterval(() => kept.push(Buffer.alloc(5e7, 1)), 20);"), residentLimitBytes: 300 * 2 ** 20 });
  const error = await endOf(child);
  assert.equal(error.code, 'out-of-memory');
  assert.match(error.advice, /smaller batch/);
});

test('cancelling a request ends the child; stop waits for a child that ignores it', async () => {
  const controller = new AbortController();
  const busy = new RequestChild('codec', { file: script('busy', "process.on('message', () => undefined);") });
  const request = busy.request('x', null, { signal: controller.signal });
  controller.abort();
  await rejectsWith('cancelled', /cancelled/, request);
  const stubborn = new OwnedChild('codec', { file: script('stubborn', "process.on('disconnect', () => undefined); setInterval(() => undefined, 1000); process.send({ id: 0 });") });
  await new Promise<void>((resolve) => stubborn.onMessage(() => { resolve(); }));
  const { pid } = stubborn;
  await stubborn.stop();
  assert.ok(gone(pid));
});

test('a full heap is said to be one', async () => {
  const file = script('heap', "process.on('message', () => { console.error('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'); process.abort(); });");
  await rejectsWith('out-of-memory', /ran out of memory/, new RequestChild('codec', { file }).request('x', null));
});
