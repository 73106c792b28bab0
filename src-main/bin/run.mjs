#!/usr/bin/env node
/**
 * @file Every `npm run` script of this project: set up, move to Node 24, run.
 * Works on Node 20 without node_modules, so that one command is enough on a fresh clone.
 *
 * node src-main/bin/run.mjs <start|demo|test|bench|results:small|taps|check|build|dist|screenshots> [arguments]
 */
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundledNode, isNodeNewEnough, REQUIRED_NODE_MAJOR, runInForeground } from './find-node.mjs';
import { setUp } from './set-up.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..', '..');

/** Script and leading arguments of every command. */
const COMMANDS = {
  demo: ['src-main/cli/demo/main.ts'],
  test: ['tests/run.ts'],
  check: ['tests/run.ts', 'types', 'lint'],
  bench: ['tests/bench/run.ts'],
  'results:small': ['src-main/cli/results/main.ts'],
  taps: ['src-main/cli/main.ts'],
  screenshots: ['tests/browser/screenshots.ts'],
  build: ['src-main/bin/build.mjs'],
  start: ['src-main/bin/start.mjs'],
  dist: ['src-main/bin/dist.mjs'],
};

async function main() {
  const [name = '', ...rest] = process.argv.slice(2);
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    console.error(`error: unknown script '${name}'\n→ Use one of: ${Object.keys(COMMANDS).join(', ')}.`);
    return 2;
  }
  await setUp(root);
  const node = isNodeNewEnough() ? process.execPath : bundledNode(root);
  if (node === null) {
    console.error(
      `error: this is Node ${process.versions.node}, and Node ${REQUIRED_NODE_MAJOR} could not be installed from the npm package 'node'\n` +
        `→ Install Node ${REQUIRED_NODE_MAJOR} or newer from https://nodejs.org and run the command again.`,
    );
    return 5;
  }
  if (name === 'build') return (await import('./build.mjs')).build({ node, onlyIfStale: rest.includes('--if-stale') });
  if (name === 'start') return (await import('./start.mjs')).start(root, node, rest);
  if (name === 'dist') return (await import('./dist.mjs')).dist(root, node, rest);
  const [script = '', ...leading] = command;
  if (!existsSync(join(root, script))) {
    console.error(`error: ${script} is not part of this version\n→ Use one of: ${Object.keys(COMMANDS).filter((key) => existsSync(join(root, COMMANDS[key][0]))).join(', ')}.`);
    return 2;
  }
  // npm starts scripts in the package folder; paths on the command line are meant from where the person stands.
  const cwd = name === 'taps' || name === 'demo' ? (process.env.INIT_CWD ?? process.cwd()) : root;
  return runInForeground(node, [join(root, script), ...leading, ...rest], { cwd });
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error) => {
    console.error(`error: ${error.message}`);
    process.exitCode = 5;
  },
);
