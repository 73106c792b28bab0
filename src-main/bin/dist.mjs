/**
 * @file `npm run dist`: installers for this platform by electron-builder; `npm run dist -- --dir` leaves them unpacked.
 * With ELECTRON_OVERRIDE_DIST_PATH nothing is downloaded.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { findElectron } from './find-electron.mjs';
import { runInForeground } from './find-node.mjs';

/**
 * @param {string} root folder of package.json
 * @param {string} node Node 24
 * @param {string[]} args for electron-builder
 * @returns {Promise<number>} exit code
 */
export async function dist(root, node, args) {
  const code = await build({ onlyIfStale: true, node });
  if (code !== 0) return code;
  const found = findElectron(root);
  const electron = [];
  if (process.env.ELECTRON_OVERRIDE_DIST_PATH !== undefined) {
    if ('missing' in found) {
      console.error(`error: ${found.missing}\n→ Point ELECTRON_OVERRIDE_DIST_PATH at a folder with an Electron, or unset it.`);
      return 5;
    }
    const version = readFileSync(join(found.folder, 'version'), 'utf8').trim().replace(/^v/, '');
    electron.push(`-c.electronDist=${found.folder}`, `-c.electronVersion=${version}`);
  }
  return runInForeground(node, [join(root, 'node_modules', 'electron-builder', 'cli.js'), '--publish', 'never', ...electron, ...args], { cwd: root });
}
