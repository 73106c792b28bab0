/**
 * @file `npm run dist`: installers for this platform by electron-builder; `npm run dist -- --dir` leaves them unpacked.
 * With ELECTRON_OVERRIDE_DIST_PATH no Electron is downloaded. On Linux each installer is made by itself, so that one whose tool cannot
 * be fetched does not take the others along; the Debian package is made with dpkg-deb where that is installed.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from './build.mjs';
import { findElectron } from './find-electron.mjs';
import { canMakeDeb, makeDeb } from './make-deb.mjs';
import { runBuilder } from './run-builder.mjs';

const LINUX_TARGETS = ['AppImage', 'deb'];

/**
 * @param {string} root folder of package.json
 * @param {string} node Node 24
 * @param {string[]} args for electron-builder
 * @returns {Promise<number>} exit code
 */
export async function dist(root, node, args) {
  const code = await build({ onlyIfStale: true, node });
  if (code !== 0) return code;
  const electron = electronArguments(root);
  if (typeof electron === 'number') return electron;
  const common = [...electron, ...args];
  if (process.platform === 'linux' && args.every((word) => word.startsWith('-c.'))) return linuxInstallers(root, node, common);
  const made = await runBuilder(root, node, common);
  return made.unreachable === null ? made.code : couldNotFetch('a tool it needs', made.unreachable);
}

/** The Electron that ELECTRON_OVERRIDE_DIST_PATH names, in electron-builder's words; an exit code where there is none. */
function electronArguments(root) {
  if (process.env.ELECTRON_OVERRIDE_DIST_PATH === undefined) return [];
  const found = findElectron(root);
  if ('missing' in found) {
    console.error(`error: ${found.missing}\n→ Point ELECTRON_OVERRIDE_DIST_PATH at a folder with an Electron, or unset it.`);
    return 5;
  }
  const version = readFileSync(join(found.folder, 'version'), 'utf8').trim().replace(/^v/, '');
  return [`-c.electronDist=${found.folder}`, `-c.electronVersion=${version}`];
}

async function linuxInstallers(root, node, common) {
  const unpackedOnly = await runBuilder(root, node, ['--dir', ...common]);
  if (unpackedOnly.unreachable !== null) return couldNotFetch('Electron', unpackedOnly.unreachable);
  if (unpackedOnly.code !== 0) return unpackedOnly.code;
  const output = common.find((word) => word.startsWith('-c.directories.output='))?.slice('-c.directories.output='.length) ?? join(root, 'release');
  const unpacked = join(output, process.arch === 'arm64' ? 'linux-arm64-unpacked' : 'linux-unpacked');
  let worst = 0;
  for (const target of LINUX_TARGETS) {
    // Needs nothing but what Debian and its kin have anyway; electron-builder's own way fetches a tool.
    if (target === 'deb' && canMakeDeb()) {
      console.error(`Made ${debOf(root, unpacked, output)}`);
      continue;
    }
    const { code, unreachable } = await runBuilder(root, node, ['--linux', target, '--prepackaged', unpacked, ...common]);
    if (code === 0) continue;
    worst = unreachable === null ? code : couldNotFetch(`its tool for ${target}`, unreachable);
  }
  return worst;
}

function debOf(root, unpacked, output) {
  const { version, description, author } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const sentence = description.split(/[:.]/)[0];
  return makeDeb({ unpacked, icons: join(root, 'resources', 'installer', 'icons'), output, version, description: sentence, maintainer: `${author} <taps-studio@localhost>` });
}

function couldNotFetch(what, host) {
  console.error(`error: electron-builder cannot fetch ${what} from ${host}.\n→ Run it where that can be reached, or use the unpacked app: npm run dist -- --dir.`);
  return 5;
}
