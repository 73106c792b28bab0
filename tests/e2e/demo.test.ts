/** @file The demonstration with one epoch per run: every part of it, and the shape of its report. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { join } from 'node:path';
import { test } from 'node:test';
import { runDemo } from '../../src-main/cli/demo/demo.ts';
import { demoConfig } from '../../src-main/cli/demo/settings.ts';
import { Terminal } from '../../src-main/cli/output/terminal.ts';
import { ROOT, taps, temporaryFolder } from './run-taps.ts';

test('two tasks, three methods, one table, one proven export', async (t) => {
  const libraryFolder = join(temporaryFolder(t), 'library');
  const sink = new PassThrough().resume();
  const { report, text } = await runDemo({
    libraryFolder,
    resources: join(ROOT, 'resources'),
    terminal: new Terminal({ json: false, quiet: false }, { out: sink, err: sink, env: {} }),
    signal: new AbortController().signal,
    configOf: (method) => ({ ...demoConfig(method), epochs: 1 }),
  });
  assert.deepEqual(Object.keys(report), ['seconds', 'engine', 'base', 'tasks', 'library', 'export']);
  assert.deepEqual(report.tasks.map(({ name }) => name), ['drawings', 'emoji']);
  for (const task of report.tasks) {
    assert.deepEqual(Object.keys(task), ['name', 'classes', 'train', 'test', 'methods']);
    assert.deepEqual(Object.keys(task.methods), ['taps', 'full-fine-tuning', 'linear-probe']);
    for (const method of Object.values(task.methods)) assert.deepEqual(Object.keys(method), ['accuracy', 'layersTuned', 'layersTotal', 'parameters', 'bytes', 'seconds']);
  }
  assert.ok(report.export.maxAbsLogitDiff <= 1e-4);
  assert.equal(report.export.top1Agreement, 1);
  assert.equal(report.export.images, report.tasks[0]?.test);
  assert.match(text, /^2 full copies/m);
  for (const { name } of report.tasks) assert.match(text, new RegExp(`^${name}: [\\d.]+ kB instead of [\\d.]+ (kB|MB), [\\d.]+ % of a full copy; test accuracy`, 'm'));
  const verified = await taps('library', 'verify', '--library', libraryFolder);
  assert.equal(verified.code, 0, verified.err);
});
