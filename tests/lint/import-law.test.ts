/** @file The import law catches what it must and knows every folder that exists. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { test } from 'node:test';
import { Linter } from 'eslint';
import { windowViolationOf } from './window-law.ts';
import { HOMES, IMPORT_LAW, importLawRule, violationOf } from './import-law.ts';

test('every folder of src-main has a law, and every allowed folder exists in the table', () => {
  const folders = readdirSync(new URL('../../src-main', import.meta.url), { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && entry.name !== 'bin')
    .map((entry) => entry.name);
  for (const folder of folders) assert.ok(folder in IMPORT_LAW, `no law for src-main/${folder}`);
  for (const [layer, law] of Object.entries(IMPORT_LAW)) {
    for (const allowed of law.layers) assert.ok((allowed.split('/')[0] ?? '') in IMPORT_LAW, `${layer} allows unknown ${allowed}`);
  }
});

test('the arrows have no cycle', () => {
  const visit = (layer: string, path: readonly string[]): void => {
    assert.ok(!path.includes(layer), `cycle: ${[...path, layer].join(' → ')}`);
    for (const next of IMPORT_LAW[layer]?.layers ?? []) {
      if (!next.includes('/')) visit(next, [...path, layer]);
    }
  };
  for (const layer of Object.keys(IMPORT_LAW)) visit(layer, []);
});

test('native packages are allowed in their homes only', () => {
  for (const [name, homes] of Object.entries(HOMES)) {
    for (const layer of Object.keys(IMPORT_LAW)) {
      assert.equal(violationOf(`${layer}/some-file.ts`, name) === null, homes.includes(layer), `${name} in ${layer}`);
    }
  }
});

test('violations are named, allowed imports are not', () => {
  assert.match(violationOf('contract/a.ts', '../core/random.ts') ?? '', /contract\/ may not import core\/random\.ts/);
  assert.match(violationOf('core/a.ts', 'node:fs') ?? '', /core\/ is pure/);
  assert.match(violationOf('graph/onnx/read.ts', 'node:fs/promises') ?? '', /graph\/ is pure/);
  assert.match(violationOf('services/a.ts', '../trainer/main.ts') ?? '', /may not import trainer\/main\.ts/);
  assert.match(violationOf('supervisor/a.ts', '../codec/decode.ts') ?? '', /may not import codec\/decode\.ts/);
  assert.match(violationOf('library/a.ts', '../cli/main.ts') ?? '', /may not import cli/);
  assert.match(violationOf('cli/a.ts', '../../tests/run.ts') ?? '', /outside src-main/);
  assert.match(violationOf('nowhere/a.ts', './b.ts') ?? '', /not in the import law/);
  assert.equal(violationOf('supervisor/a.ts', '../codec/protocol.ts'), null);
  assert.equal(violationOf('graph/onnx/read.ts', '@bufbuild/protobuf/wire'), null);
  assert.equal(violationOf('cli/commands/train.ts', '../../services/train-task.ts'), null);
});

test('the rule reports static, dynamic, re-exporting and required imports', () => {
  const code = [
    "import fs from 'node:fs';",
    "export * from '../cli/main.ts';",
    "export { a } from '../library/index.ts';",
    "const sharp = await import('sharp');",
    "const sqlite = require('better-sqlite3');",
    "import { z } from '../contract/errors.ts';",
  ].join('\n');
  const messages = new Linter({ cwd: '/project' }).verify(
    code,
    [{ files: ['**/*.js'], plugins: { local: { rules: { 'import-law': importLawRule } } }, rules: { 'local/import-law': 'error' } }],
    { filename: '/project/src-main/core/sample.js' },
  );
  assert.deepEqual(
    messages.map((message) => message.line),
    [1, 2, 3, 4, 5],
    messages.map((message) => message.message).join('\n'),
  );
});

test('the window knows the contract and two calculations, and nothing else of the program', () => {
  assert.equal(windowViolationOf('screens/task/task-screen.svelte', '../../../src-main/contract/errors.ts'), null);
  assert.equal(windowViolationOf('screens/task/frontier-tab.svelte', '../../../src-main/core/pareto.ts'), null);
  assert.match(windowViolationOf('screens/task/task-screen.svelte', '../../../src-main/services/doctor.ts') ?? '', /may import src-main\/contract/);
  assert.match(windowViolationOf('screens/task/task-screen.svelte', '../../../src-main/core/random.ts') ?? '', /may import src-main\/contract/);
  assert.match(windowViolationOf('parts/button.svelte', '../screens/task/task-screen.svelte') ?? '', /parts\/ may not import/);
  assert.match(windowViolationOf('client/studio.ts', 'zod') ?? '', /package zod/);
  assert.equal(windowViolationOf('charts/live-curves.svelte', 'uplot/dist/uPlot.min.css'), null);
});
