/**
 * @file `npm run bench`: speed and memory next to PyTorch's in the same run. The two sides take turns, so that a machine whose speed
 * drifts treats both alike; the ratio is that of the medians over the turns. Writes docs/benchmarks.md and docs/benchmarks.json.
 *
 * npm run bench -- gpu              training on the GPU instead (tests/bench/gpu.ts)
 * npm run bench -- window           how the window feels instead (tests/bench/window.ts)
 * npm run bench -- many-tasks       several tasks on one picture, switching between tasks (tests/bench/many-tasks.ts)
 * npm run bench -- library          a library of 10 000 tasks (tests/bench/library-scale.ts)
 * npm run bench -- task             from pictures to a trained task, next to the PyTorch reference (tests/bench/task.ts)
 * npm run bench -- cluster          a sweep on a Slurm of one node, next to the same sweep here (tests/bench/cluster.ts)
 * npm run bench -- step-parts       what a training step's time goes into (tests/bench/step-parts.ts)
 * npm run bench [-- --turns 3 --threads 2 --models resnet18,resnet50,densenet121,vit-small]   (Debian: with libopenblas0-pthread)
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { cpus, tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { childEnvironment } from '../../src-main/supervisor/child-environment.ts';
import { writeSection } from './report.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reference = join(root, 'tests', 'reference', 'bench_step.py');
const python = process.env['TAPS_PYTHON'] ?? '/usr/bin/python3';

interface Measured {
  medianMs: number;
  minMs: number;
  imagesPerSecond: number;
  peakResidentBytes: number;
  compileMs?: number;
  firstStepMs?: number;
  /** Multiply-adds a second in the network's products, and in one large product on the same engine. */
  productsPerSecond?: number;
  productPeak?: number;
  /** Of PyTorch: the matrix library it had loaded. */
  blas?: string;
}

interface Row {
  name: string;
  ours: Measured;
  pytorch: Measured;
}

/** Benchmarks of their own; each writes its own section or file. */
const OTHERS: Record<string, () => Promise<unknown>> = {
  window: () => import('./window.ts'),
  gpu: () => import('./gpu.ts'),
  'many-tasks': () => import('./many-tasks.ts'),
  library: () => import('./library-scale.ts'),
  task: () => import('./task.ts'),
  cluster: () => import('./cluster.ts'),
  'step-parts': () => import('./step-parts.ts'),
};
const other = OTHERS[process.argv[2] ?? ''];
if (other !== undefined) {
  await other();
  process.exit(0);
}
const { values } = parseArgs({ options: { turns: { type: 'string', default: '3' }, threads: { type: 'string', default: '2' }, models: { type: 'string', default: 'resnet18,resnet50,densenet121,vit-small' } } });
const turns = Number(values.turns);

/** Both sides get the environment that a trainer gets. */
function output(command: string, args: string[]): string {
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: root, env: childEnvironment('trainer', process.env), stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 26 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(result.status)}: ${result.stderr.slice(-800)}`);
  return result.stdout.trim().split('\n').at(-1) ?? '';
}

function median(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((a, b) => a - b);
  const middle = sorted.slice(Math.floor((sorted.length - 1) / 2), Math.floor(sorted.length / 2) + 1);
  return middle.reduce((sum, value) => sum + value, 0) / middle.length;
}

/** The middle turn's figures, field by field. */
function combine(all: Measured[]): Measured {
  const field = (key: Exclude<keyof Measured, 'blas'>): number => median(all.map((one) => one[key] ?? 0));
  return { medianMs: field('medianMs'), minMs: field('minMs'), imagesPerSecond: field('imagesPerSecond'), peakResidentBytes: field('peakResidentBytes'), compileMs: field('compileMs'), firstStepMs: field('firstStepMs'), productsPerSecond: field('productsPerSecond'), productPeak: field('productPeak'), ...(all[0]?.blas === undefined ? {} : { blas: all[0].blas }) };
}

function compare(name: string, model: string, onnx: string, settings: { size: number; batch: number; steps: number; probe: boolean }): Row {
  const common = ['--size', String(settings.size), '--batch', String(settings.batch), '--threads', values.threads, '--steps', String(settings.steps)];
  const ours: Measured[] = [];
  const theirs: Measured[] = [];
  for (let turn = 0; turn < turns; turn++) {
    ours.push(JSON.parse(output(process.execPath, [join(root, 'tests', 'bench', 'train-step.ts'), '--model', onnx, '--method', settings.probe ? 'linear-probe' : 'taps', ...common])) as Measured);
    theirs.push(JSON.parse(output(python, [reference, '--model', model, ...common, '--classes', '10', ...(settings.probe ? ['--inference'] : [])])) as Measured);
    console.log(`${name}, turn ${String(turn + 1)}: ${(ours.at(-1)?.medianMs ?? 0).toFixed(0)} ms, PyTorch ${(theirs.at(-1)?.medianMs ?? 0).toFixed(0)} ms`);
  }
  return { name, ours: combine(ours), pytorch: combine(theirs) };
}

const available = spawnSync(python, ['-c', 'import torch, torchvision, onnx; print(torch.__version__)'], { encoding: 'utf8' });
if (available.status !== 0) {
  console.log('skipped: the benchmark needs PyTorch, torchvision and onnx for Python (Debian: python3-torch python3-torchvision python3-onnx).');
  process.exit(0);
}
const folder = mkdtempSync(join(tmpdir(), 'taps-bench-'));
const rows: Row[] = [];
const STEPS: Record<string, { size: number; batch: number; steps: number }> = { resnet18: { size: 64, batch: 32, steps: 14 }, resnet50: { size: 128, batch: 16, steps: 8 }, 'vit-small': { size: 96, batch: 32, steps: 8 }, densenet121: { size: 96, batch: 16, steps: 8 } };
for (const model of values.models.split(',')) {
  const settings = STEPS[model];
  if (settings === undefined) throw new Error(`Unknown model ${model}: choose of ${Object.keys(STEPS).join(', ')}.`);
  const onnx = join(folder, `${model}.onnx`);
  output(python, [reference, '--model', model, '--size', String(settings.size), '--classes', '10', '--export', onnx]);
  rows.push(compare(`TAPS training step, ${model}, ${String(settings.size)} × ${String(settings.size)}, batch ${String(settings.batch)}`, model, onnx, { ...settings, probe: false }));
}
const probe = join(folder, 'resnet50-probe.onnx');
output(python, [reference, '--model', 'resnet50', '--size', '224', '--classes', '10', '--export', probe]);
rows.push(compare('linear-probe step (PyTorch: forward only), resnet50, 224 × 224, batch 8', 'resnet50', probe, { size: 224, batch: 8, steps: 8, probe: true }));
rmSync(folder, { recursive: true, force: true });

const mebibytes = (bytes: number): string => `${(bytes / 2 ** 20).toFixed(0)} MiB`;
const table = [
  '| what | ours | PyTorch | ratio of times | images/s | of the product peak | memory, ours : PyTorch | trace + session |',
  '| --- | --- | --- | --- | --- | --- | --- | --- |',
  ...rows.map(({ name, ours, pytorch }) =>
    `| ${name} | ${ours.medianMs.toFixed(0)} ms | ${pytorch.medianMs.toFixed(0)} ms | ${(ours.medianMs / pytorch.medianMs).toFixed(2)} | ${ours.imagesPerSecond.toFixed(1)} | ${(100 * ((ours.productsPerSecond ?? 0) / (ours.productPeak ?? 1))).toFixed(0)} % | ${mebibytes(ours.peakResidentBytes)} : ${mebibytes(pytorch.peakResidentBytes)} (${(ours.peakResidentBytes / pytorch.peakResidentBytes).toFixed(2)}) | ${(ours.compileMs ?? 0).toFixed(0)} ms |`),
];
const blas = rows[0]?.pytorch.blas ?? 'unknown';
if (/libblas|refblas|\/blas\//.test(blas) && !blas.includes('openblas')) console.log(`PyTorch multiplies matrices with ${blas}, the slow reference: install libopenblas0-pthread for a fair comparison.`);
const machine = `${cpus()[0]?.model.trim() ?? 'unknown processor'}, ${values.threads} threads, PyTorch ${available.stdout.trim()} with ${basename(blas)}, ${String(turns)} turns each, medians`;
writeSection('train-step', `## Training beside PyTorch\n\nMade by \`npm run bench\` (${machine}). Both sides ran in turns in the same run, with the environment that a trainer gets (huge pages, [engines.md](engines.md)); ratios travel better between machines than times. *Of the product peak*: multiply-adds a second of the step’s own convolutions and matrix products (forward, and twice backward), by those of one product of 1024 × 1024 matrices on the same engine and threads.\n\n${table.join('\n')}`);
writeFileSync(join(root, 'docs', 'benchmarks.json'), `${JSON.stringify({ machine, rows }, null, 2)}\n`);
