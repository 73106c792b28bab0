/** @file `npm start`: the studio in Electron, or, where that cannot be had, in the browser. Plain JavaScript for Node 20. */
import { join } from 'node:path';
import { build } from './build.mjs';
import { findElectron, missingLibraries } from './find-electron.mjs';
import { runInForeground } from './find-node.mjs';

/**
 * @param {string} root folder of package.json
 * @param {string} node Node 24
 * @param {string[]} args for the app
 * @returns {Promise<number>} exit code
 */
export async function start(root, node, args) {
  const found = findElectron(root, { download: true });
  const missing = 'missing' in found ? found.missing : (withoutDisplay() ?? withoutLibraries(found.executable));
  if (missing !== null) {
    console.error(`The desktop window cannot open: ${missing}. Serving the studio to your browser instead.`);
    return runInForeground(node, [join(root, 'src-main', 'bin', 'taps.mjs'), 'studio', '--serve', '--open', ...args.filter((word) => word.startsWith('--port'))], { cwd: root });
  }
  const code = await build({ onlyIfStale: true, node });
  if (code !== 0) return code;
  // Chromium's sandbox refuses to run as root.
  const asRoot = process.getuid?.() === 0 ? ['--no-sandbox'] : [];
  return runInForeground(found.executable, [...asRoot, root, ...args], { cwd: root });
}

/** Why no window can be shown; null when one can. */
function withoutDisplay() {
  if (process.platform !== 'linux' || process.env.DISPLAY !== undefined || process.env.WAYLAND_DISPLAY !== undefined) return null;
  return 'there is no display (DISPLAY and WAYLAND_DISPLAY are not set)';
}

/** Electron ends at once where a library is missing, with words that few can make use of. */
function withoutLibraries(executable) {
  const names = missingLibraries(executable);
  return names.length === 0 ? null : `Electron needs libraries that are not installed (${names.join(', ')})`;
}
