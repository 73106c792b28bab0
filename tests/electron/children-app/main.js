/**
 * @file An Electron app without a window that runs each scenario with real utility processes and prints one line of JSON for each.
 * Its folder of built files is in TAPS_TEST_DIST, a folder to write in is in TAPS_TEST_FOLDER.
 */
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { app } from 'electron';

const dist = process.env.TAPS_TEST_DIST;
const folder = process.env.TAPS_TEST_FOLDER;
const built = (path) => import(pathToFileURL(join(dist, path)).href);
const port = `import { openChildPort } from ${JSON.stringify(pathToFileURL(join(dist, 'supervisor', 'child-port.js')).href)}; const port = openChildPort();`;

function script(name, text) {
  const file = join(folder, `${name}.mjs`);
  writeFileSync(file, `${port}\n${text}`);
  return file;
}

const gone = (pid) => {
  try {
    process.kill(pid, 0);
    return false;
  } catch {
    return true;
  }
};
const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
const outcome = (promise) => promise.then((value) => ({ value }), (error) => ({ code: error.code, message: error.message, advice: error.advice }));
const endOf = (child) => new Promise((resolve) => child.onEnd((error) => resolve({ code: error.code, message: error.message, advice: error.advice })));
const firstMessage = (child) => new Promise((resolve) => child.onMessage(resolve));

const { useSpawner } = await built('supervisor/spawn-child.js');
const { startUtilityChild } = await built('electron/utility-child.js');
const { OwnedChild } = await built('supervisor/owned-child.js');
const { RequestChild } = await built('supervisor/request-child.js');
const { TrainerClient } = await built('supervisor/trainer-client.js');
useSpawner(startUtilityChild);

const SCENARIOS = {
  async answer() {
    const child = new RequestChild('codec', { file: script('answer', 'port.onMessage((m) => { port.send({ id: m.id, progress: { done: 1, total: 2 } }); port.send({ id: m.id, ok: true, value: m.payload }); });') });
    const progress = [];
    const value = await child.request('x', new Float32Array([1, 2]), { onProgress: (...numbers) => progress.push(...numbers) });
    await child.stop();
    return { value: [...value], kind: value.constructor.name, progress };
  },
  crash: () => outcome(new RequestChild('codec', { file: script('crash', "port.onMessage(() => { console.error('out of cheese'); process.exit(3); });") }).request('x', null)),
  thrown: () => outcome(new RequestChild('codec', { file: script('thrown', "port.onMessage(() => { throw new Error('broken inside'); });") }).request('x', null)),
  abort: () => outcome(new RequestChild('codec', { file: script('abort', 'port.onMessage(() => process.abort());') }).request('x', null)),
  quiet: () => outcome(new RequestChild('codec', { file: script('quiet', 'port.onMessage(() => process.exit(0));') }).request('x', null)),
  heap: () => outcome(new RequestChild('codec', { file: script('heap', "port.onMessage(() => { console.error('FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory'); process.kill(process.pid, 'SIGTRAP'); });") }).request('x', null)),
  syntax: () => outcome(new RequestChild('codec', { file: script('syntax', 'this is no program') }).request('x', null)),
  missing: () => outcome(new RequestChild('codec', { file: join(folder, 'not-there.mjs') }).request('x', null)),
  async refusal() {
    const child = new RequestChild('codec', { file: script('refusal', "port.onMessage((m) => port.send({ id: m.id, ok: false, error: { code: 'image-unreadable', message: 'no picture', advice: 'x' } }));") });
    const result = await outcome(child.request('x', null));
    await child.stop();
    return result;
  },
  async killed() {
    const child = new OwnedChild('trainer', { file: script('killed', 'port.send({ id: 0 }); port.onMessage(() => undefined);') });
    await firstMessage(child);
    process.kill(child.pid, 'SIGKILL');
    return endOf(child);
  },
  async silence() {
    const child = new OwnedChild('codec', { file: script('silence', 'setInterval(() => port.send({ id: 0, progress: { done: 0, total: 1 } }), 100);'), silenceMs: 2500 });
    const end = endOf(child);
    // On a machine that is busy enough it may be silent for too long before it says anything: that is the end awaited, too.
    const spoke = await Promise.race([firstMessage(child).then(() => true), end.then(() => false)]);
    const { pid } = child;
    if (spoke) process.kill(pid, 'SIGSTOP');
    const error = await end;
    await wait(100);
    return { ...error, gone: gone(pid) };
  },
  async memory() {
    const child = new OwnedChild('trainer', { file: script('memory', 'globalThis.kept = []; setInterval(() => kept.push(Buffer.alloc(5e7, 1)), 20);'), residentLimitBytes: 400 * 2 ** 20 });
    return endOf(child);
  },
  async cancel() {
    const controller = new AbortController();
    const child = new RequestChild('codec', { file: script('cancel', 'port.onMessage(() => undefined);') });
    const request = outcome(child.request('x', null, { signal: controller.signal }));
    controller.abort();
    return request;
  },
  async polite() {
    const child = new OwnedChild('codec', { file: script('polite', `import { writeFileSync } from 'node:fs'; port.onClose(() => { writeFileSync(${JSON.stringify(join(folder, 'said-goodbye'))}, 'x'); process.exit(0); }); port.send({ id: 0 });`) });
    await firstMessage(child);
    const { pid } = child;
    await child.stop();
    await wait(200);
    return { gone: gone(pid), saidGoodbye: existsSync(join(folder, 'said-goodbye')) };
  },
  async stubborn() {
    const child = new OwnedChild('codec', { file: script('stubborn', 'port.onClose(() => undefined); setInterval(() => undefined, 1000); port.send({ id: 0 });') });
    await firstMessage(child);
    const { pid } = child;
    await child.stop();
    await wait(200);
    return { gone: gone(pid) };
  },
  /** The real trainer, with its engines. */
  async doctor() {
    const trainer = new TrainerClient();
    const { engines } = await trainer.doctor();
    await trainer.stop();
    return { available: engines.filter(({ available }) => available).map(({ id }) => id) };
  },
};

async function main() {
  await Promise.all(
    Object.entries(SCENARIOS).map(async ([name, scenario]) => {
      const result = await scenario().catch((error) => ({ failed: String(error?.stack ?? error) }));
      process.stdout.write(`${JSON.stringify({ name, result })}\n`);
    }),
  );
  app.exit(0);
}

// Electron gets ready only after this file has been run to its end.
void app.whenReady().then(main);
