/** @file `npm start`: the desktop window where there can be one, else one line that says why and the same studio for the browser. */
import assert from 'node:assert/strict';
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { prepareRuntime, ROOT } from './runtime.ts';

const runtime = await prepareRuntime();
const START_MS = 120_000;

interface Started {
  child: ChildProcess;
  ended: Promise<number | null>;
  text: () => string;
  until: (pattern: RegExp) => Promise<RegExpExecArray>;
}

function npmStart(env: Record<string, string | undefined>, args: readonly string[] = []): Started {
  const child = spawn(process.execPath, [join(ROOT, 'src-main', 'bin', 'run.mjs'), 'start', ...args], { cwd: ROOT, env, stdio: ['ignore', 'pipe', 'pipe'], timeout: START_MS });
  let output = '';
  const more = (chunk: Buffer): void => {
    output += chunk.toString();
  };
  child.stdout.on('data', more);
  child.stderr.on('data', more);
  const ended = new Promise<number | null>((resolve) => child.once('close', resolve));
  const until = async (pattern: RegExp): Promise<RegExpExecArray> => {
    const over = ended.then(() => true);
    for (;;) {
      const match = pattern.exec(output);
      if (match !== null) return match;
      if (await Promise.race([over, new Promise((resolve) => setTimeout(resolve, 100, false))])) throw new Error(`Ended without ${String(pattern)}:\n${output}`);
    }
  };
  return { child, ended, text: () => output, until };
}

/** Each with a home of its own and no browser to open. */
async function withHome(work: (env: Record<string, string | undefined>) => Promise<void>): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'taps-start-'));
  try {
    await work({ ...process.env, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), TAPS_LIBRARY: join(folder, 'library'), TAPS_SETTINGS: join(folder, 'settings'), BROWSER: 'true' });
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

async function assertServes({ child, ended, text, until }: Started, why: RegExp): Promise<void> {
  const [url] = await until(/http:\/\/127\.0\.0\.1:\d+\/\S*/u);
  assert.match(text(), why);
  assert.equal(text().split('\n').filter((line) => line.startsWith('The desktop window cannot open')).length, 1);
  const page = await fetch(new URL('/', url));
  assert.equal(page.status, 200);
  assert.match(await page.text(), /<title>TAPS Studio<\/title>/u);
  child.kill('SIGINT');
  assert.ok([0, 130].includes((await ended) ?? -1), text());
}

test('without Electron the browser is served', async () => {
  await withHome((env) => assertServes(npmStart({ ...env, ELECTRON_OVERRIDE_DIST_PATH: join(tmpdir(), 'no-electron-here') }), /cannot open: ELECTRON_OVERRIDE_DIST_PATH is .*no-electron-here.* Serving the studio to your browser instead/u));
});

test('without a display too', { skip: typeof runtime === 'string' ? runtime : process.platform === 'linux' ? false : 'only Linux can be without a display' }, async () => {
  assert.ok(typeof runtime !== 'string');
  const { folder } = runtime;
  await withHome((env) => assertServes(npmStart({ ...env, ELECTRON_OVERRIDE_DIST_PATH: folder, DISPLAY: undefined, WAYLAND_DISPLAY: undefined }), /cannot open: there is no display/u));
});

test('with both, Electron runs the checkout', { skip: typeof runtime === 'string' ? runtime : false }, async () => {
  assert.ok(typeof runtime !== 'string');
  const { env: desktop, folder } = runtime;
  await withHome(async (env) => {
    const started = npmStart({ ...env, ...desktop, HOME: env['HOME'], XDG_CONFIG_HOME: env['XDG_CONFIG_HOME'], ELECTRON_OVERRIDE_DIST_PATH: folder }, ['--smoke-test']);
    assert.equal(await started.ended, 0, started.text());
    assert.match(started.text(), /smoke test: passed/u);
  });
});
