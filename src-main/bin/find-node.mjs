/**
 * @file Finds a Node that can run this program and hands the terminal over to it.
 * Plain JavaScript for Node 20: it runs before anything newer can be counted on.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Node 24 runs TypeScript as it is and is what current Electron embeds. */
export const REQUIRED_NODE_MAJOR = 24;

export function isNodeNewEnough(version = process.versions.node) {
  return Number(version.split('.')[0]) >= REQUIRED_NODE_MAJOR;
}

/**
 * Path of the Node 24 that the development dependency `node` brings, or null where it is not installed.
 * @param {string} packageRoot
 */
export function bundledNode(packageRoot) {
  for (const name of ['node', 'node.exe']) {
    const path = join(packageRoot, 'node_modules', 'node', 'bin', name);
    if (existsSync(path)) return path;
  }
  return null;
}

/**
 * Runs a command on this terminal and resolves to its exit code (128 + signal when a signal ended it).
 * Signals to this process are passed on: the child decides what an interrupt means.
 * @param {string} command
 * @param {string[]} args
 * @param {import('node:child_process').SpawnOptions} options
 * @returns {Promise<number>}
 */
export function runInForeground(command, args, options = {}) {
  const child = spawn(command, args, { stdio: 'inherit', ...options });
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'];
  const forward = (signal) => child.kill(signal);
  for (const signal of signals) process.on(signal, forward);
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      for (const name of signals) process.off(name, forward);
      resolve(code ?? 128 + ({ SIGHUP: 1, SIGINT: 2, SIGQUIT: 3, SIGKILL: 9, SIGSEGV: 11, SIGTERM: 15 }[signal] ?? 0));
    });
  });
}
