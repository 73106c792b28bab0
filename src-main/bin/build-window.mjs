/**
 * @file Builds the window (src-renderer) to dist/renderer where that is missing or older than its sources.
 * Plain JavaScript; needs node_modules of a checkout.
 */
import { existsSync, readdirSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from './build-lock.mjs';
import { runInForeground } from './find-node.mjs';

const STAMP = '.built';

/**
 * @param {string} root folder of package.json
 * @param {string} node Node 24
 * @returns {Promise<number>} exit code; 0 also where nothing was to be done
 */
export function buildWindow(root, node) {
  return withLock(root, () => buildWindowUnlocked(root, node));
}

/** For whoever holds the lock already. */
export async function buildWindowUnlocked(root, node) {
  const out = join(root, 'dist', 'renderer');
  const stamp = join(out, STAMP);
  const sources = [join(root, 'src-renderer'), join(root, 'src-main', 'contract'), join(root, 'vite.config.ts'), join(root, 'package-lock.json')];
  const started = Date.now();
  if (existsSync(stamp) && statSync(stamp).mtimeMs >= newest(sources)) return 0;
  console.error('Building the window (a few seconds)');
  const code = await runInForeground(node, [join(root, 'node_modules', 'vite', 'bin', 'vite.js'), 'build', '--logLevel', 'error'], { cwd: root, stdio: ['ignore', 2, 2] });
  if (code !== 0) return code;
  writeFileSync(stamp, `${new Date(started).toISOString()}\n`);
  // As old as what was built: a change made meanwhile is newer.
  utimesSync(stamp, new Date(started), new Date(started));
  return 0;
}

/** @param {string[]} paths @returns {number} newest time of change below them, in milliseconds */
export function newest(paths) {
  let time = 0;
  for (const path of paths) {
    if (!existsSync(path)) continue;
    const info = statSync(path);
    time = Math.max(time, info.mtimeMs);
    if (info.isDirectory()) time = Math.max(time, newest(readdirSync(path).map((name) => join(path, name))));
  }
  return time;
}
