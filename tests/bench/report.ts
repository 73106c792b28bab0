/** @file What the benchmarks share: sections of docs/benchmarks.md that are made by themselves, medians, models of PyTorch. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../..', import.meta.url));
export const PYTHON = process.env['TAPS_PYTHON'] ?? '/usr/bin/python3';
const REPORT = join(ROOT, 'docs', 'benchmarks.md');

/** Sorts its argument. */
export const median = (numbers: number[]): number => numbers.sort((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;

export function machineWords(threads: number): string {
  return `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${String(threads)} ${threads === 1 ? 'thread' : 'threads'}, load average ${(loadavg()[0] ?? Number.NaN).toFixed(1)} at the end`;
}

/** Replaces one section of the report, or adds it at the end; others stay as their own runs left them. */
export function writeSection(key: string, text: string): void {
  const [begin, end] = [`<!-- ${key}: begin -->`, `<!-- ${key}: end -->`];
  const section = `${begin}\n${text.trim()}\n${end}`;
  const report = existsSync(REPORT) ? readFileSync(REPORT, 'utf8').trimEnd() : '# Benchmarks';
  const from = report.indexOf(begin);
  const to = report.indexOf(end);
  writeFileSync(REPORT, `${from >= 0 && to > from ? report.slice(0, from) + section + report.slice(to + end.length) : `${report}\n\n${section}`}\n`);
  console.log(`\n${text.trim()}`);
}

/** Path of an untrained model with 10 classes; null where PyTorch is missing. */
export function exportTorchModel(model: string, imageSize: number, folder: string): string | null {
  const path = join(folder, `${model}.onnx`);
  const script = join(ROOT, 'tests', 'reference', 'bench_step.py');
  const result = spawnSync(PYTHON, [script, '--model', model, '--size', String(imageSize), '--classes', '10', '--export', path], { encoding: 'utf8' });
  return result.status === 0 ? path : null;
}
