/**
 * @file Runs everything `npm test` promises: types, lint, then every tests/**\/*.test.ts (node:test, two files at a time).
 * The last line is `N passed, N failed, N skipped`; types and lint count as one test each.
 *
 * node tests/run.ts [types] [lint] [folder or file …] [--verbose]
 */
import { spawn } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { relative } from 'node:path';
import { run } from 'node:test';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

const root = fileURLToPath(new URL('..', import.meta.url));
/** Longest time for one test file in milliseconds: a hang becomes a failure with a name. */
const FILE_TIMEOUT_MS = 10 * 60_000;

interface Totals {
  passed: number;
  failed: number;
  skipped: number;
}

/** Runs a checking program as one test; its output is shown when it fails. */
async function check(name: string, script: string, args: readonly string[], totals: Totals): Promise<void> {
  const started = performance.now();
  const child = spawn(process.execPath, [script, ...args], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (chunk: Buffer) => (output += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  if (code === 0) {
    totals.passed++;
    console.log(`✔ ${name} (${seconds} s)`);
  } else {
    totals.failed++;
    console.log(`✖ ${name} (${seconds} s)\n${indent(output)}`);
  }
}

interface FileReport {
  lines: string[];
  output: string;
  passed: number;
  failed: number;
  skipped: number;
  started: number;
}

/** Runs test files and prints one block per file when it is complete. */
async function runTests(files: readonly string[], verbose: boolean, totals: Totals): Promise<void> {
  const reports = new Map<string, FileReport>();
  const reportOf = (file: string | undefined): FileReport => {
    const key = file ?? 'unknown file';
    const known = reports.get(key) ?? { lines: [], output: '', passed: 0, failed: 0, skipped: 0, started: performance.now() };
    reports.set(key, known);
    return known;
  };
  const stream = run({ files: [...files], concurrency: 2, cwd: root, timeout: FILE_TIMEOUT_MS });
  stream.on('test:dequeue', (data) => void reportOf(data.file));
  stream.on('test:stdout', (data) => (reportOf(data.file).output += data.message));
  stream.on('test:stderr', (data) => (reportOf(data.file).output += data.message));
  stream.on('test:pass', (data) => {
    if (data.details.type === 'suite') return;
    const report = reportOf(data.file);
    if (data.skip !== undefined && data.skip !== false) {
      report.skipped++;
      report.lines.push(`  ↷ skipped: ${data.name}${typeof data.skip === 'string' && data.skip !== '' ? ` (${data.skip})` : ''}`);
    } else {
      report.passed++;
      if (verbose) report.lines.push(`  ✔ ${data.name} (${Math.round(data.details.duration_ms)} ms)`);
    }
  });
  stream.on('test:fail', (data) => {
    // A suite fails because of a test in it, which is reported by itself; a file fails alone when it cannot even start.
    const error = data.details.error as Error & { failureType?: string; cause?: unknown };
    if (error.failureType === 'subtestsFailed') return;
    const report = reportOf(data.file);
    report.failed++;
    const cause = error.cause instanceof Error ? (error.cause.stack ?? error.cause.message) : typeof error.cause === 'string' ? error.cause : error.message;
    report.lines.push(`  ✖ ${data.name}\n${indent(cause, 6)}`);
  });
  stream.on('test:summary', (data) => {
    if (data.file !== undefined) print(data.file, reports, totals);
  });
  for await (const _event of stream);
  for (const file of reports.keys()) print(file, reports, totals);
}

function print(file: string, reports: Map<string, FileReport>, totals: Totals): void {
  const report = reports.get(file);
  if (report === undefined) return;
  reports.delete(file);
  totals.passed += report.passed;
  totals.failed += report.failed;
  totals.skipped += report.skipped;
  const counts = [`${report.passed} passed`];
  if (report.failed > 0) counts.push(`${report.failed} failed`);
  if (report.skipped > 0) counts.push(`${report.skipped} skipped`);
  const seconds = ((performance.now() - report.started) / 1000).toFixed(1);
  const name = relative(root, file);
  console.log(`${report.failed > 0 ? '✖' : '✔'} ${name}: ${counts.join(', ')} (${seconds} s)`);
  for (const line of report.lines) console.log(line);
  if (report.failed > 0 && report.output.trim() !== '') console.log(`  output of ${name}:\n${indent(report.output, 6)}`);
}

function indent(text: string, spaces = 4): string {
  return text.trimEnd().replace(/^/gm, ' '.repeat(spaces));
}

/** Test files below the selection, or null when an item of it does not exist. */
function selectFiles(selection: readonly string[]): string[] | null {
  if (selection.length === 0) return globSync('tests/**/*.test.ts', { cwd: root }).sort();
  const files: string[] = [];
  for (const item of selection) {
    const path = [item, `tests/${item}`].find((candidate) => existsSync(new URL(candidate, `file://${root}`)));
    if (path === undefined) {
      console.error(`error: there is no ${item} and no tests/${item}\n→ Name a folder or file below tests, 'types' or 'lint'.`);
      return null;
    }
    if (statSync(new URL(path, `file://${root}`)).isDirectory()) files.push(...globSync(`${path}/**/*.test.ts`, { cwd: root }).sort());
    else files.push(path);
  }
  return files;
}

const { values, positionals } = parseArgs({ allowPositionals: true, options: { verbose: { type: 'boolean', default: false } } });
const everything = positionals.length === 0;
const files = selectFiles(positionals.filter((item) => item !== 'types' && item !== 'lint'));
if (files === null) {
  process.exitCode = 2;
} else {
  const totals: Totals = { passed: 0, failed: 0, skipped: 0 };
  if (everything || positionals.includes('types')) {
    await check('types', 'node_modules/typescript/bin/tsc', ['-p', '.'], totals);
    await check('types of the window', 'node_modules/svelte-check/bin/svelte-check', ['--tsconfig', 'src-renderer/tsconfig.json', '--fail-on-warnings'], totals);
  }
  if (everything || positionals.includes('lint')) await check('lint', 'node_modules/eslint/bin/eslint.js', ['src-main', 'src-renderer', 'tests'], totals);
  const onlyChecks = !everything && positionals.every((item) => item === 'types' || item === 'lint');
  if (!onlyChecks) await runTests(files.map((file) => fileURLToPath(new URL(file, `file://${root}`))), values.verbose, totals);
  console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}
