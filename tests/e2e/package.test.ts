/** @file The package as npm would publish it, installed in an empty folder: the command works without the sources. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT, temporaryFolder } from './run-taps.ts';

function run(command: string, args: readonly string[], cwd: string): { code: number | null; out: string; err: string } {
  const { status, stdout, stderr } = spawnSync(command, args, { cwd, encoding: 'utf8', env: { ...process.env, ONNXRUNTIME_NODE_INSTALL: 'skip' }, timeout: 300_000, shell: process.platform === 'win32' });
  return { code: status, out: stdout, err: stderr };
}

test('npm pack, npm install, taps', (t) => {
  const folder = temporaryFolder(t);
  const packed = run('npm', ['pack', '--silent', '--pack-destination', folder], ROOT);
  assert.equal(packed.code, 0, packed.err);
  const tarball = join(folder, packed.out.trim().split('\n').at(-1) ?? '');
  assert.ok(existsSync(tarball), packed.out);
  const app = join(folder, 'app');
  mkdirSync(app);
  writeFileSync(join(app, 'package.json'), '{"name":"app","version":"1.0.0","private":true}');
  const installed = run('npm', ['install', '--no-audit', '--no-fund', '--prefer-offline', tarball], app);
  if (installed.code !== 0) {
    t.skip(`needs the npm registry to install the package's dependencies: ${installed.err.trim().split('\n')[0] ?? ''}`);
    return;
  }
  const taps = (...args: string[]) => run(process.execPath, [join(app, 'node_modules', 'taps-studio', 'src-main', 'bin', 'taps.mjs'), ...args, '--library', join(folder, 'library')], app);
  assert.ok(existsSync(join(app, 'node_modules', '.bin', 'taps')));
  const imported = taps('base', 'import', join(app, 'node_modules', 'taps-studio', 'resources', 'base', 'cifar10-resnet.onnx'));
  assert.equal(imported.code, 0, imported.err);
  assert.match(imported.out, /^Imported cifar10-resnet/);
  const checked = taps('doctor', '--json');
  assert.equal(checked.code, 0, checked.err);
  assert.equal((JSON.parse(checked.out) as { library: { state: string } }).library.state, 'ok');
});
