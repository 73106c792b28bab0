#!/usr/bin/env node
/**
 * @file The installed command `taps`. Runs the compiled program of a published package, or the sources of a checkout
 * (a checkout may also have a dist folder, but one that lags behind its sources).
 */
import { existsSync, realpathSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { bundledNode, isNodeNewEnough, REQUIRED_NODE_MAJOR, runInForeground } from './find-node.mjs';

const launcher = realpathSync(fileURLToPath(import.meta.url));
const root = join(dirname(launcher), '..', '..');

/** Absolute path of the program's entry, or null when the package is incomplete. */
function findEntry() {
  const source = join(root, 'src-main', 'cli', 'main.ts');
  // Node does not strip types below node_modules.
  if (existsSync(source) && !root.split(sep).includes('node_modules')) return source;
  const compiled = join(root, 'dist', 'cli', 'main.js');
  return existsSync(compiled) && existsSync(join(root, 'dist', '.complete')) ? compiled : null;
}

async function main() {
  const entry = findEntry();
  if (entry === null) {
    console.error(`error: the package in ${root} is incomplete (dist was not built)\n→ Run 'npm run build' there, or install the package again.`);
    return 5;
  }
  if (!isNodeNewEnough()) {
    const node = bundledNode(root);
    if (node === null) {
      const advice = entry.endsWith('.ts') ? `Run 'npm ci' in ${root}: it brings Node ${REQUIRED_NODE_MAJOR}.` : `Install Node ${REQUIRED_NODE_MAJOR} from https://nodejs.org.`;
      console.error(`error: taps needs Node ${REQUIRED_NODE_MAJOR} or newer, this is ${process.versions.node}\n→ ${advice}`);
      return 5;
    }
    return runInForeground(node, [entry, ...process.argv.slice(2)]);
  }
  if (entry.endsWith('.ts') && process.argv.includes('studio')) {
    const { buildWindow } = await import('./build-window.mjs');
    const code = await buildWindow(root, process.execPath);
    if (code !== 0) return code;
  }
  process.argv[1] = entry;
  await import(pathToFileURL(entry).href);
  return undefined;
}

main().then(
  (code) => {
    if (code !== undefined) process.exitCode = code;
  },
  (error) => {
    const missing = error?.code === 'ERR_MODULE_NOT_FOUND';
    console.error(`error: ${String(error?.message ?? error).split('\n')[0]}\n→ ${missing ? `Run 'npm install' in ${root}.` : 'This is a defect: please report it with the command that caused it.'}`);
    process.exitCode = missing ? 5 : 1;
  },
);
