/** @file The owner's watch over its children, with Electron's utility processes: the same promises as under Node (tests/supervisor). */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { prepareRuntime, ROOT, type Runtime } from './runtime.ts';

const runtime = await prepareRuntime();
const skip = typeof runtime === 'string' ? runtime : false;
const APP_MS = 240_000;

interface Outcome {
  code?: string;
  message?: string;
  advice?: string;
  [key: string]: unknown;
}
const results = new Map<string, Outcome>();

before(async () => {
  if (typeof runtime !== 'string') await runScenarios(runtime);
});

async function runScenarios({ executable, switches, env }: Runtime): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'taps-utility-'));
  const child = spawn(executable, [...switches, join(ROOT, 'tests', 'electron', 'children-app')], {
    env: { ...env, HOME: folder, XDG_CONFIG_HOME: folder, TAPS_TEST_DIST: join(ROOT, 'dist'), TAPS_TEST_FOLDER: folder },
    stdio: ['ignore', 'pipe', 'ignore'],
    timeout: APP_MS,
    killSignal: 'SIGKILL',
  });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  await new Promise((resolve) => child.once('close', resolve));
  rmSync(folder, { recursive: true, force: true });
  for (const line of output.split('\n').filter((text) => text.startsWith('{'))) {
    const { name, result } = JSON.parse(line) as { name: string; result: Outcome };
    results.set(name, result);
  }
}

const ON_POSIX = process.platform !== 'win32';

/** By scenario: code, what the message says, and what else must be so. */
const EXPECTED: Readonly<Record<string, { code?: string; message?: RegExp; others?: Record<string, unknown> }>> = {
  answer: { others: { value: [1, 2], kind: 'Float32Array', progress: [1, 2] } },
  crash: { code: 'child-crashed', message: /exit code 3[\s\S]*out of cheese/u },
  thrown: { code: 'child-crashed', message: /broken inside/u },
  abort: { code: 'child-crashed', message: ON_POSIX ? /ended by SIGABRT/u : /exit code/u },
  quiet: { code: 'child-crashed', message: /exit code 0/u },
  heap: { code: 'out-of-memory', message: /ran out of memory/u },
  syntax: { code: 'child-crashed', message: /exit code 1/u },
  missing: { code: 'child-crashed', message: /ERR_MODULE_NOT_FOUND/u },
  refusal: { code: 'image-unreadable', message: /no picture/u },
  killed: { code: 'child-crashed', message: ON_POSIX ? /ended by SIGKILL/u : /exit code/u },
  cancel: { code: 'cancelled' },
  polite: { others: { gone: true, saidGoodbye: true } },
  stubborn: { others: { gone: true } },
  ...(ON_POSIX ? { silence: { code: 'child-crashed', message: /no sign of life/u, others: { gone: true } } } : {}),
  ...(process.platform === 'linux' ? { memory: { code: 'out-of-memory', message: /more than its limit/u } } : {}),
};

for (const [name, { code, message, others = {} }] of Object.entries(EXPECTED)) {
  test(`utility process: ${name}`, { skip }, () => {
    const result = results.get(name);
    assert.ok(result !== undefined, 'the scenario did not end');
    assert.equal(result['failed'], undefined);
    assert.equal(result.code, code);
    if (message !== undefined) assert.match(result.message ?? '', message);
    if (code !== undefined && code !== 'cancelled') assert.notEqual(result.advice, '');
    for (const [key, value] of Object.entries(others)) assert.deepEqual(result[key], value, key);
  });
}

test('utility process: the real trainer starts and has an engine', { skip }, () => {
  const available = results.get('doctor')?.['available'] as string[] | undefined;
  assert.ok(available?.includes('onnxruntime'), JSON.stringify(results.get('doctor')));
});
