/** @file One build at a time in a checkout: the app, the package and the tests all want dist. Plain JavaScript for Node 20. */
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';

const POLL_MS = 200;
/** No build takes this long. */
const OLDEST_MS = 10 * 60_000;

/**
 * @template T
 * @param {string} root folder of package.json
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function withLock(root, work) {
  const folder = join(root, 'node_modules', '.cache');
  const file = join(folder, 'taps-build.lock');
  mkdirSync(folder, { recursive: true });
  while (!tryTake(file)) {
    if (ownerIsGone(file)) rmSync(file, { force: true });
    else await pause(POLL_MS);
  }
  try {
    return await work();
  } finally {
    rmSync(file, { force: true });
  }
}

function tryTake(file) {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error.code === 'EEXIST') return false;
    throw error;
  }
}

/** A build that was killed leaves its lock behind. */
function ownerIsGone(file) {
  try {
    if (Date.now() - statSync(file).mtimeMs > OLDEST_MS) return true;
    const pid = Number(readFileSync(file, 'utf8'));
    if (pid > 0) process.kill(pid, 0);
    return false;
  } catch (error) {
    return error.code === 'ESRCH';
  }
}
