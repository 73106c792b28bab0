/**
 * @file Engine `webgpu` on a GPU in software: the tests that every engine passes, and its own (webgpu/on-gpu.ts), each in a process
 * that has the software GPU in its environment.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { softwareGpu } from './webgpu/software-gpu.ts';

const gpu = await softwareGpu();
after(() => {
  if (typeof gpu !== 'string') gpu.remove();
});

interface Ran {
  code: number | null;
  output: string;
}

/** Test files in a process of their own. @param pattern names of tests */
function runTests(files: readonly string[], environment: Record<string, string>, pattern?: string): Promise<Ran> {
  const paths = files.map((file) => fileURLToPath(new URL(file, import.meta.url)));
  // A test runner inside a test would report to the outer one.
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env;
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]), ...paths], { env: { ...inherited, ...environment } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return new Promise((resolve) => child.once('close', (code) => { resolve({ code, output }); }));
}

/** @param least tests that must really have run */
function passes(name: string, files: readonly string[], least: number, pattern?: string): void {
  test(name, async (t) => {
    if (typeof gpu === 'string') {
      t.skip(gpu);
      return;
    }
    const { code, output } = await runTests(files, gpu.environment, pattern);
    const count = (word: string): number => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(output)?.[1] ?? Number.NaN);
    assert.equal(code, 0, output.slice(-6000));
    assert.ok(count('pass') >= least, `${String(count('pass'))} tests ran, ${String(least)} are expected:\n${output.slice(-2000)}`);
    assert.equal(count('skipped'), 0, output.slice(-2000));
  });
}

passes('every operator and its gradients as PyTorch', ['operators.test.ts'], 40, 'operators on webgpu');
passes('TAPS over 20 steps as the PyTorch reference', ['taps-reference.test.ts'], 3, 'on webgpu');
passes('state, submissions, memory, and whole runs', ['webgpu/on-gpu.ts'], 6);
