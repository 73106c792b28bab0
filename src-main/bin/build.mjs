/**
 * @file Compiles src-main and the window to dist, for the published package and for Electron, and copies what the compiler leaves out.
 * `dist/.complete` is written last: without it the installed command refuses to start half a program.
 */
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { withLock } from './build-lock.mjs';
import { buildWindowUnlocked, newest } from './build-window.mjs';
import { runInForeground } from './find-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');
const dist = join(root, 'dist');
const complete = join(dist, '.complete');

/**
 * @param {{ onlyIfStale?: boolean, node?: string }} [options] node: Node 24
 * @returns {Promise<number>} exit code
 */
export function build({ onlyIfStale = false, node = process.execPath } = {}) {
  return withLock(root, async () => {
    const code = onlyIfStale && isFresh() ? 0 : await buildMain(node);
    return code === 0 ? buildWindowUnlocked(root, node) : code;
  });
}

function isFresh() {
  return existsSync(complete) && statSync(complete).mtimeMs >= newest(['src-main', 'tsconfig.json', 'tsconfig.build.json', 'package.json', 'package-lock.json'].map((name) => join(root, name)));
}

/** Compiled aside and put in place at once: whatever runs from dist meanwhile never finds half of it, and errors leave it as it was. */
async function buildMain(node) {
  const started = Date.now();
  const made = join(root, 'node_modules', '.cache', 'taps-build');
  rmSync(made, { recursive: true, force: true });
  console.error('Compiling (a few seconds)');
  const code = await runInForeground(node, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json', '--outDir', made], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (code !== 0) return code;
  for (const file of filesToCopy()) cpSync(join(root, 'src-main', file), join(made, file));
  mkdirSync(dist, { recursive: true });
  for (const name of readdirSync(dist)) {
    // The window has its own stamp and is built by itself.
    if (name !== 'renderer') rmSync(join(dist, name), { recursive: true, force: true });
  }
  for (const name of readdirSync(made)) renameSync(join(made, name), join(dist, name));
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(complete, `${version}\n`);
  // As old as what was compiled: a change made meanwhile is newer.
  utimesSync(complete, new Date(started), new Date(started));
  console.error(`Built ${relative(process.cwd(), dist) || 'dist'} for version ${version} in ${((Date.now() - started) / 1000).toFixed(0)} s`);
  return 0;
}

/** Everything in src-main but TypeScript and the launchers, which are published where they are. */
function filesToCopy() {
  return readdirSync(join(root, 'src-main'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !/\.c?ts$/.test(entry.name))
    .map((entry) => relative(join(root, 'src-main'), join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.startsWith(`bin${sep}`));
}
