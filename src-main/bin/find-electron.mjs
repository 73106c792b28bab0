/**
 * @file Finds an Electron to run or to package with: the folder that ELECTRON_OVERRIDE_DIST_PATH names, else the npm package's own,
 * which is downloaded on first use where that is possible.
 */
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const EXECUTABLES = { darwin: 'Electron.app/Contents/MacOS/Electron', win32: 'electron.exe' };
const DOWNLOAD_MS = 180_000;

/**
 * @param {string} root folder of package.json
 * @param {{ download?: boolean }} [options]
 * @returns {{ folder: string, executable: string } | { missing: string }} `missing`: why there is none, in one line
 */
export function findElectron(root, { download = false } = {}) {
  const name = EXECUTABLES[process.platform] ?? 'electron';
  const given = process.env.ELECTRON_OVERRIDE_DIST_PATH;
  if (given !== undefined && given !== '') {
    const executable = join(given, name);
    return existsSync(executable) ? { folder: given, executable } : { missing: `ELECTRON_OVERRIDE_DIST_PATH is ${given}, where there is no ${name}` };
  }
  const folder = join(root, 'node_modules', 'electron', 'dist');
  const executable = join(folder, name);
  if (existsSync(executable)) return { folder, executable };
  const installer = join(root, 'node_modules', 'electron', 'install.js');
  if (!existsSync(installer)) return { missing: 'the npm package electron is not installed' };
  if (!download) return { missing: 'Electron’s program has not been downloaded' };
  const { ELECTRON_SKIP_BINARY_DOWNLOAD: skipped } = process.env;
  if (skipped !== undefined && skipped !== '') return { missing: 'downloading Electron is switched off (ELECTRON_SKIP_BINARY_DOWNLOAD)' };
  console.error('Downloading Electron (once; about 120 MB)');
  spawnSync(process.execPath, [installer], { cwd: join(root, 'node_modules', 'electron'), stdio: 'ignore', timeout: DOWNLOAD_MS });
  return existsSync(executable) ? { folder, executable } : { missing: 'Electron’s program could not be downloaded' };
}

/**
 * @param {string} executable
 * @returns {string[]} shared libraries of the system that Electron links and that are not there; Linux only
 */
export function missingLibraries(executable) {
  if (process.platform !== 'linux') return [];
  const { stdout } = spawnSync('ldd', [executable], { encoding: 'utf8' });
  return [...(stdout ?? '').matchAll(/(\S+) => not found/g)].map(([, name]) => name);
}
