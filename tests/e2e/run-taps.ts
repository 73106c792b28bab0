/** @file Runs the command line as a person does: its own process, its own library. */
import { spawn, type ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const BASE_FILE = join(ROOT, 'resources', 'base', 'cifar10-resnet.onnx');
export const DRAWINGS = join(ROOT, 'resources', 'samples', 'drawings');

export interface Outcome {
  code: number | null;
  out: string;
  err: string;
  /** Standard output as JSON; undefined when it is not one document. */
  json: unknown;
}

/** A folder that goes away with the test. */
export function temporaryFolder(context: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'taps-e2e-'));
  context.after(() => {
    rmSync(folder, { recursive: true, force: true });
  });
  return folder;
}

export function spawnTaps(args: readonly string[], options: { cwd?: string } = {}): { child: ChildProcess; done: Promise<Outcome> } {
  const child = spawn(process.execPath, [join(ROOT, 'src-main', 'bin', 'taps.mjs'), ...args], {
    cwd: options.cwd ?? ROOT,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
  });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString()));
  const done = new Promise<Outcome>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      resolve({ code, out, err, json: parse(out) });
    });
  });
  return { child, done };
}

export function taps(...args: string[]): Promise<Outcome> {
  return spawnTaps(args).done;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
