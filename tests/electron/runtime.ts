/**
 * @file What the tests in the real Electron need of the machine: an Electron (the npm package's own, or the folder that
 * ELECTRON_OVERRIDE_DIST_PATH names), a display (Xvfb is started where there is none) and an up-to-date build.
 */
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));

export interface Runtime {
  executable: string;
  /** Folder of `executable`. */
  folder: string;
  env: Record<string, string>;
  /** Chromium's sandbox refuses root; the GPU process is of no use without a screen. */
  switches: readonly string[];
}

type Found = { folder: string; executable: string } | { missing: string };

/** A reason to skip, in words, where something is missing. */
export async function prepareRuntime(): Promise<Runtime | string> {
  const finder = (await import(new URL('../../src-main/bin/find-electron.mjs', import.meta.url).href)) as { findElectron: (root: string) => Found; missingLibraries: (executable: string) => string[] };
  const found = finder.findElectron(ROOT);
  if ('missing' in found) return `needs Electron: ${found.missing}`;
  const display = await findDisplay();
  if (display === null) return 'needs a display: DISPLAY is not set and Xvfb is not installed';
  const libraries = finder.missingLibraries(found.executable);
  if (libraries.length > 0) return `needs libraries of the system that Electron links: ${libraries.join(', ')}`;
  await buildOnce();
  const env = Object.fromEntries(Object.entries(process.env).filter((entry): entry is [string, string] => entry[1] !== undefined && !entry[0].startsWith('NODE_')));
  return { ...found, env: { ...env, ...display, DBUS_SESSION_BUS_ADDRESS: 'disabled:' }, switches: [...(process.getuid?.() === 0 ? ['--no-sandbox'] : []), '--disable-gpu'] };
}

async function buildOnce(): Promise<void> {
  const builder = (await import(new URL('../../src-main/bin/build.mjs', import.meta.url).href)) as { build: (options: { onlyIfStale: boolean; node: string }) => Promise<number> };
  const code = await builder.build({ onlyIfStale: true, node: process.execPath });
  if (code !== 0) throw new Error(`The build failed with exit code ${String(code)}.`);
}

async function findDisplay(): Promise<Record<string, string> | null> {
  if (process.platform !== 'linux') return {};
  const given = process.env['DISPLAY'];
  if (given !== undefined && given !== '') return { DISPLAY: given };
  return startXvfb();
}

/** On a number that is free; it ends with this process. */
function startXvfb(): Promise<Record<string, string> | null> {
  const child = spawn('Xvfb', ['-displayfd', '3', '-screen', '0', '1400x1000x24', '-nolisten', 'tcp'], { stdio: ['ignore', 'ignore', 'ignore', 'pipe'] });
  process.once('exit', () => child.kill('SIGKILL'));
  child.unref();
  return new Promise((resolve) => {
    child.once('error', () => {
      resolve(null);
    });
    child.once('exit', () => {
      resolve(null);
    });
    const numbers = child.stdio[3] as NodeJS.ReadableStream & { unref?: () => void };
    numbers.once('data', (chunk: Buffer) => {
      numbers.unref?.();
      resolve({ DISPLAY: `:${chunk.toString().trim()}` });
    });
  });
}
