/** @file The app as it is shipped, unpacked: made without network, its smoke test, its fuses, what is in it and what is not. */
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { FuseV1Options, getCurrentFuseWire } from '@electron/fuses';
import { prepareRuntime, ROOT } from './runtime.ts';

const runtime = await prepareRuntime();
// The folders and names of the unpacked app differ on the other systems; the smoke test there is the installer's.
const skip = typeof runtime === 'string' ? runtime : process.platform === 'linux' ? false : 'looks into the unpacked app of Linux';
const APP_MS = 200_000;
let folder: string;
let app: string;

interface Ended {
  code: number | null;
  out: string;
  err: string;
}

function run(command: string, args: readonly string[], env: Record<string, string>): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd: ROOT, env, timeout: APP_MS, killSignal: 'SIGKILL' });
    let out = '';
    let err = '';
    child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
    child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, out, err });
    });
  });
}

/** Where the system allows it: a network without a way out. */
const OFFLINE = process.platform === 'linux' && spawnSync('unshare', ['-rn', 'true']).status === 0 ? ['unshare', '-rn'] : [];

const start = (args: readonly string[], env: Record<string, string> = {}): Promise<Ended> => {
  assert.ok(typeof runtime !== 'string');
  const [command = '', ...rest] = [...OFFLINE, join(app, 'taps-studio'), ...runtime.switches, ...args];
  return run(command, rest, { ...runtime.env, HOME: folder, XDG_CONFIG_HOME: join(folder, 'config'), TMPDIR: folder, ...env });
};

before(async () => {
  if (skip !== false || typeof runtime === 'string') return;
  folder = mkdtempSync(join(tmpdir(), 'taps-package-'));
  // No way to the network: what cannot be had from here must not be wanted.
  const env = { ...runtime.env, ELECTRON_OVERRIDE_DIST_PATH: runtime.folder, HTTPS_PROXY: 'http://127.0.0.1:9', HTTP_PROXY: 'http://127.0.0.1:9' };
  const made = await run(process.execPath, [join(ROOT, 'src-main', 'bin', 'run.mjs'), 'dist', '--dir', `-c.directories.output=${folder}`], env);
  assert.equal(made.code, 0, made.out + made.err);
  app = join(folder, 'linux-unpacked');
});
after(() => {
  if (skip === false) rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

test('--smoke-test of the unpacked package: window, library, base, two steps, proven export, exit code 0', { skip }, async () => {
  const { code, out, err } = await start(['--smoke-test']);
  assert.equal(code, 0, out + err);
  for (const line of [/the window shows/u, /\d+ pictures read/u, /two steps trained/u, /exported \d+ bytes, largest logit difference/u, /passed\n$/u]) assert.match(out, line);
  assert.deepEqual(readdirSync(folder).filter((name) => name.startsWith('taps-')), [], 'nothing is left in the folder for temporary files');
});

test('a smoke test that fails says why and exits with 1; no variable or switch makes the package a Node', { skip }, async () => {
  const base = join(app, 'resources', 'base');
  const marker = join(folder, 'ran');
  renameSync(base, `${base}-aside`);
  try {
    const ends = [
      await start(['--smoke-test']),
      await start(['--smoke-test', '-e', `require('fs').writeFileSync(${JSON.stringify(marker)}, 'x')`], { ELECTRON_RUN_AS_NODE: '1' }),
      await start(['--smoke-test'], { NODE_OPTIONS: `--require=${join(folder, 'not-there.js')}` }),
      await start(['--smoke-test', '--inspect=0']),
    ];
    for (const { code, err } of ends) {
      assert.equal(code, 1);
      assert.match(err, /smoke test: failed: base\.importEmbedded: /u);
      assert.doesNotMatch(err, /Debugger listening/u);
    }
    assert.ok(!existsSync(marker));
  } finally {
    renameSync(`${base}-aside`, base);
  }
});

test('the fuses are those of a release', { skip }, async () => {
  const wire = await getCurrentFuseWire(join(app, 'taps-studio'));
  const ON = '1'.charCodeAt(0);
  const on = Object.keys(FuseV1Options).filter((name) => Number.isNaN(Number(name)) && Number(wire[FuseV1Options[name as keyof typeof FuseV1Options]]) === ON);
  assert.deepEqual(on.filter((name) => name !== 'WasmTrapHandlers').sort(), ['EnableCookieEncryption', 'EnableEmbeddedAsarIntegrityValidation', 'OnlyLoadAppFromAsar']);
});

test('it carries this platform’s native code and nothing of the checkout', { skip }, () => {
  const unpacked = join(app, 'resources', 'app.asar.unpacked', 'node_modules');
  const files = readdirSync(unpacked, { recursive: true, encoding: 'utf8' });
  const native = files.filter((name) => /\.(?:node|so|dylib|dll)(?:\.\d+)*$/u.test(name));
  const here = `${process.platform}-${process.arch}`;
  for (const name of native) assert.ok(name.includes(here) || name.includes(join(process.platform, process.arch)), name);
  for (const wanted of ['better-sqlite3', 'onnxruntime-node', join('@img', `sharp-${here}`)]) assert.ok(native.some((name) => name.startsWith(wanted)), wanted);
  assert.deepEqual(readdirSync(join(app, 'resources')).filter((name) => name !== 'default_app.asar').sort(), ['ATTRIBUTION.md', 'app.asar', 'app.asar.unpacked', 'base', 'samples']);
});
