/** @file Runs test files in a process of their own that has a GPU in software in its environment. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { softwareGpu } from './software-gpu.ts';

interface Ran {
  code: number | null;
  output: string;
}

function runTests(file: string, environment: Record<string, string>, pattern: string | undefined): Promise<Ran> {
  // A test runner inside a test would report to the outer one.
  const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env;
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const child = spawn(process.execPath, ['--test', '--test-reporter=tap', ...(pattern === undefined ? [] : [`--test-name-pattern=${pattern}`]), path], { env: { ...inherited, ...environment } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => (output += chunk.toString('utf8')));
  return new Promise((resolve) => child.once('close', (code) => { resolve({ code, output }); }));
}

/**
 * The body of a test: the tests of a file all pass on the software GPU.
 * @param file relative to tests/engine
 * @param least tests that must really have run
 * @param pattern names of tests
 */
export function onGpu(file: string, least: number, pattern?: string): (t: TestContext) => Promise<void> {
  return async (t) => {
    const gpu = await softwareGpu();
    if (typeof gpu === 'string') {
      t.skip(gpu);
      return;
    }
    try {
      const { code, output } = await runTests(file, gpu.environment, pattern);
      const count = (word: string): number => Number(new RegExp(`^# ${word} (\\d+)`, 'm').exec(output)?.[1] ?? Number.NaN);
      assert.equal(code, 0, output.slice(-6000));
      assert.ok(count('pass') >= least, `${String(count('pass'))} tests ran, ${String(least)} are expected:\n${output.slice(-2000)}`);
      assert.equal(count('skipped'), 0, output.slice(-2000));
    } finally {
      gpu.remove();
    }
  };
}
