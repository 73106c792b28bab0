/**
 * @file Compiles src-main to dist for the published package, and copies what the compiler leaves out.
 * `dist/.complete` is written last: without it the installed command refuses to start half a program.
 */
import { cpSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { buildWindow } from './build-window.mjs';
import { runInForeground } from './find-node.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** @returns {Promise<number>} exit code */
export async function build() {
  const dist = join(root, 'dist');
  rmSync(dist, { recursive: true, force: true });
  const code = await runInForeground(process.execPath, [join(root, 'node_modules', 'typescript', 'bin', 'tsc'), '-p', 'tsconfig.build.json'], {
    cwd: root,
    stdio: ['ignore', 2, 2],
  });
  if (code !== 0) return code;
  const window = await buildWindow(root, process.execPath);
  if (window !== 0) return window;
  for (const file of filesToCopy()) {
    cpSync(join(root, 'src-main', file), join(dist, file));
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  writeFileSync(join(dist, '.complete'), `${version}\n`);
  console.error(`Built ${relative(process.cwd(), dist) || 'dist'} for version ${version}`);
  return 0;
}

/** Everything in src-main but TypeScript and the launchers, which are published where they are. */
function filesToCopy() {
  return readdirSync(join(root, 'src-main'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && !entry.name.endsWith('.ts'))
    .map((entry) => relative(join(root, 'src-main'), join(entry.parentPath ?? entry.path, entry.name)))
    .filter((path) => !path.startsWith(`bin${sep}`));
}
