/**
 * @file Brings node_modules in line with package-lock.json, so that one command works on a fresh clone.
 * Plain JavaScript for Node 20, without dependencies.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { bundledNode, isNodeNewEnough, runInForeground } from './find-node.mjs';

/** Downloads beside the registry that nothing here needs; a machine without them must still install. */
const SKIP_DOWNLOADS = {
  ONNXRUNTIME_NODE_INSTALL: 'skip',
  ELECTRON_SKIP_BINARY_DOWNLOAD: '1',
};

const stampOf = (root) => join(root, 'node_modules', '.taps-lock');
const lockOf = (root) => join(root, 'package-lock.json');

/**
 * Installs where node_modules is missing or was made from another lockfile.
 * @param {string} root folder of package.json
 * @throws Error when the required packages cannot be installed
 */
export async function setUp(root) {
  const why = reasonToInstall(root);
  if (why !== null) await install(root, why);
  if (!isNodeNewEnough() && bundledNode(root) === null) {
    // `npm ci --ignore-scripts`, or a blocked install script: the package is there, its binary is not linked.
    await npm(root, ['rebuild', 'node', '--foreground-scripts']);
  }
}

/** @returns {string | null} null when nothing needs doing */
function reasonToInstall(root) {
  if (!existsSync(join(root, 'node_modules'))) return 'node_modules is missing';
  if (!existsSync(lockOf(root))) return null;
  const digest = lockDigest(root);
  if (existsSync(stampOf(root)) && readFileSync(stampOf(root), 'utf8').trim() === digest) return null;
  if (matchesLock(root)) {
    // Installed by hand with npm: nothing to do but to remember it.
    writeFileSync(stampOf(root), `${digest}\n`);
    return null;
  }
  return 'node_modules was installed from another package-lock.json';
}

/** Compares npm's own record of what it installed with the lockfile, optional packages apart. */
function matchesLock(root) {
  const installedPath = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installedPath)) return false;
  try {
    const wanted = JSON.parse(readFileSync(lockOf(root), 'utf8')).packages;
    const installed = JSON.parse(readFileSync(installedPath, 'utf8')).packages;
    return Object.entries(wanted).every(
      ([path, entry]) =>
        path === '' || entry.optional === true || entry.devOptional === true || entry.link === true || installed[path]?.version === entry.version,
    );
  } catch {
    return false;
  }
}

async function install(root, why) {
  const command = existsSync(lockOf(root)) ? 'ci' : 'install';
  console.error(`Setting up: npm ${command}, because ${why} (once; a minute or two)`);
  const options = ['--no-audit', '--no-fund', '--loglevel=error'];
  let code = await npm(root, [command, ...options]);
  if (code !== 0) {
    // A failed download inside an install script must not stop the rest: the packages themselves suffice.
    console.error('Setting up: an install script failed; installing again without install scripts');
    code = await npm(root, [command, ...options, '--ignore-scripts']);
  }
  if (code !== 0) {
    throw new Error(`npm ${command} failed with exit code ${code}. Check the connection to the npm registry, then run the command again.`);
  }
  if (existsSync(lockOf(root))) writeFileSync(stampOf(root), `${lockDigest(root)}\n`);
}

function lockDigest(root) {
  return createHash('sha256').update(readFileSync(lockOf(root))).digest('hex');
}

/** Standard output stays free for the command that was asked for (`--json`): npm's goes to standard error. */
function npm(root, args) {
  const options = { cwd: root, env: { ...process.env, ...SKIP_DOWNLOADS }, stdio: ['ignore', 2, 2] };
  const cli = process.env.npm_execpath;
  if (cli !== undefined && /\.c?js$/.test(cli)) return runInForeground(process.execPath, [cli, ...args], options);
  return runInForeground('npm', args, { ...options, shell: process.platform === 'win32' });
}
