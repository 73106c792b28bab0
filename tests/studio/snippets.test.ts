/** @file The programs to copy run the exported file and say what the studio says. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import type { Preprocessing } from '../../src-main/contract/preprocessing.ts';
import type { ExportView } from '../../src-main/contract/studio/export.ts';
import { snippetsOf } from '../../src-main/studio/snippets.ts';
import { operation, quickConfig, StudioPlace } from './harness.ts';

const root = join(import.meta.dirname, '..', '..');
const picture = join(root, 'resources', 'samples', 'drawings', 'test', 'house', '001.png');
const place = new StudioPlace();
let exported: ExportView;
let said: { className: string; probability: number }[] = [];

before(async () => {
  const harness = await place.start();
  const { taskId } = await harness.taskFromSample();
  const { id } = await harness.ask('run.start', { taskId, config: quickConfig({ epochs: 3 }) });
  await harness.until(id, ({ status }) => status === 'done', 'the end');
  exported = await harness.ask('export.start', { taskId, deltaId: null, format: 'onnx', folder: null, fileName: 'Zeichnungen 🏠.onnx', overwrite: false, operationId: operation() });
  const { token } = await harness.studio.grants.add(picture);
  said = (await harness.ask('predict.pictures', { taskId, deltaId: null, files: [token], operationId: operation() })).predictions[0]?.scores ?? [];
  symlinkSync(join(root, 'node_modules'), join(place.folder, 'home', 'exports', 'node_modules'), 'junction');
});
after(() => place.remove());

/** Runs a snippet beside the exported file. Lines are `12.34 %  class`. */
function run(command: string, file: string, text: string): { className: string; probability: number }[] {
  const folder = join(place.folder, 'home', 'exports');
  writeFileSync(join(folder, file), text);
  const { status, stdout, stderr } = spawnSync(command, [file, picture], { cwd: folder, encoding: 'utf8' });
  assert.equal(status, 0, stderr);
  return stdout.trim().split('\n').map((line) => {
    const match = /^\s*([\d.]+)\s*%\s+(.+)$/u.exec(line);
    assert.ok(match, line);
    return { probability: Number(match[1]) / 100, className: match[2] ?? '' };
  });
}

function requireAgreement(answers: { className: string; probability: number }[]): void {
  assert.equal(answers.length, 5);
  assert.equal(answers[0]?.className, said[0]?.className);
  for (const { className, probability } of answers) {
    const expected = said.find((score) => score.className === className)?.probability ?? -1;
    assert.ok(Math.abs(probability - expected) < 0.02, `${className}: ${String(probability)} instead of ${String(expected)}`);
  }
}

test('Node', () => {
  requireAgreement(run(process.execPath, 'run.mjs', exported.snippets.node));
});

const python = spawnSync('python3', ['-c', 'import numpy, onnxruntime, PIL']).status === 0;
test('Python', { skip: !python && 'python3 with numpy, onnxruntime and Pillow is not installed' }, () => {
  requireAgreement(run('python3', 'run.py', exported.snippets.python));
});

describe('for every kind of preprocessing, with names that could break a program', () => {
  const classNames = ['"quoted"', "it's", 'back\\slash', '${injected}', '`tick`', 'line\nbreak', '🐘', '\u2028', '# comment'];
  const variants: Preprocessing[] = [
    { imageSize: 224, channelOrder: 'rgb', scale: 1 / 255, mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225], resize: 'crop' },
    { imageSize: 224, channelOrder: 'bgr', scale: 1, mean: [103.939, 116.779, 123.68], std: [1, 1, 1], resize: 'crop' },
    { imageSize: 32, channelOrder: 'rgb', scale: 1 / 255, mean: [0, 0, 0], std: [1, 1, 1], resize: 'squash' },
  ];
  const folder = mkdtempSync(join(tmpdir(), 'taps-snippets-'));
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'), 'junction');
  after(() => {
    rmSync(folder, { recursive: true, force: true });
  });

  test('they are valid programs', (t) => {
    const hasPython = spawnSync('python3', ['--version']).status === 0;
    if (!hasPython) t.diagnostic('python3 is not installed: the Python programs were not parsed');
    for (const preprocessing of variants) {
      const { python: py, node } = snippetsOf({ fileName: 'a "b" \\ ${c}.onnx', preprocessing, classNames });
      writeFileSync(join(folder, 'run.mjs'), node);
      writeFileSync(join(folder, 'run.py'), py);
      const checked = spawnSync(process.execPath, ['--check', join(folder, 'run.mjs')], { encoding: 'utf8' });
      assert.equal(checked.status, 0, checked.stderr);
      if (!hasPython) continue;
      const parsed = spawnSync('python3', ['-c', "import ast,json,sys; t=ast.parse(open(sys.argv[1],encoding='utf-8').read()); print(json.dumps(next(ast.literal_eval(n.value) for n in t.body if isinstance(n,ast.Assign) and n.targets[0].id=='classes')))", join(folder, 'run.py')], { encoding: 'utf8' });
      assert.equal(parsed.status, 0, parsed.stderr);
      assert.deepEqual(JSON.parse(parsed.stdout), classNames);
    }
  });

  test('the crop of the Node program takes a picture of any shape', () => {
    for (const preprocessing of variants.slice(0, 2)) {
      const { node } = snippetsOf({ fileName: 'x.onnx', preprocessing, classNames });
      const pixels = node.slice(node.indexOf('const { data'), node.indexOf('const mean'));
      writeFileSync(join(folder, 'pixels.mjs'), `import sharp from 'sharp';\n${pixels}\nconsole.log(pixels.length);`);
      const measured = spawnSync(process.execPath, [join(folder, 'pixels.mjs'), picture], { encoding: 'utf8' });
      assert.equal(measured.stdout.trim(), String(224 * 224 * 3), measured.stderr);
    }
  });
});
