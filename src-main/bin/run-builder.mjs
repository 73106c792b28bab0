/** @file Runs electron-builder and notices when it could not fetch a tool: that is one line for a person, not a stack trace. */
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { join } from 'node:path';

/** What Node says of a host that cannot be reached. */
const UNREACHABLE = /\b(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH)\b(?:\s+(\S+))?/;

/**
 * @param {string} root folder of package.json
 * @param {string} node Node 24
 * @param {string[]} args for electron-builder
 * @returns {Promise<{ code: number, unreachable: string | null }>} unreachable: the host that a tool could not be fetched from
 */
export function runBuilder(root, node, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, [join(root, 'node_modules', 'electron-builder', 'cli.js'), '--publish', 'never', ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
    let unreachable = null;
    const take = (line) => {
      const found = UNREACHABLE.exec(line);
      if (found !== null) unreachable ??= found[1] ?? 'the server of its tools';
      else if (unreachable === null || !/^\s+at /.test(line)) console.error(line);
    };
    for (const stream of [child.stdout, child.stderr]) createInterface({ input: stream }).on('line', take);
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code: code ?? 1, unreachable });
    });
  });
}
