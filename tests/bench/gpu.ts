/**
 * @file `npm run bench -- gpu`: a TAPS training step of ResNet-50 at 224 × 224 on every engine that has a GPU here, next to PyTorch on
 * the same GPU in the same run, in turns. Prints images per second, the GPU's memory and the ratio. Where there is no GPU one line says so.
 *
 * npm run bench -- gpu [--model file.onnx] [--size 224 --batch 32 --steps 20 --turns 3] [--software: a GPU in software will do]
 */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { describeEngines } from '../../src-main/engine/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const reference = join(root, 'tests', 'reference', 'bench_step.py');
const python = process.env['TAPS_PYTHON'] ?? '/usr/bin/python3';
const SAMPLE_MS = 200;
const { values } = parseArgs({
  allowPositionals: true,
  options: { model: { type: 'string' }, size: { type: 'string', default: '224' }, batch: { type: 'string', default: '32' }, steps: { type: 'string', default: '20' }, turns: { type: 'string', default: '3' }, software: { type: 'boolean', default: false } },
});

interface Measured {
  imagesPerSecond: number;
  compileMs?: number;
  /** Of the GPU; null where the system does not tell. */
  deviceBytes: number | null;
}

/** Used memory of the first NVIDIA GPU in bytes; null without its driver's tool. */
function usedMemory(): number | null {
  const { status, stdout } = spawnSync('nvidia-smi', ['--query-gpu=memory.used', '--format=csv,noheader,nounits', '--id=0'], { encoding: 'utf8' });
  return status === 0 ? Number(stdout.trim()) * 2 ** 20 : null;
}

/** Runs a program that prints its figures as a line of JSON; watches the GPU's memory meanwhile. */
async function measure(command: string, args: readonly string[]): Promise<Measured> {
  const before = usedMemory();
  let most = before;
  const child = spawn(command, args, { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (err += chunk.toString('utf8')));
  const watch = before === null ? undefined : setInterval(() => { most = Math.max(most ?? 0, usedMemory() ?? 0); }, SAMPLE_MS);
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  clearInterval(watch);
  if (code !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(code)}: ${err.slice(-800)}`);
  const figures = JSON.parse(out.trim().split('\n').at(-1) ?? '') as { imagesPerSecond: number; compileMs?: number; peakDeviceBytes?: number };
  const own = figures.peakDeviceBytes ?? 0;
  return { ...figures, deviceBytes: own > 0 ? own : before === null || most === null ? null : most - before };
}

const median = (numbers: readonly number[]): number => numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)] ?? Number.NaN;
const middle = (all: readonly Measured[]): Measured => ({
  imagesPerSecond: median(all.map((one) => one.imagesPerSecond)),
  compileMs: median(all.map((one) => one.compileMs ?? 0)),
  deviceBytes: all.some((one) => one.deviceBytes === null) ? null : median(all.map((one) => one.deviceBytes ?? 0)),
});
const python3 = (code: string): boolean => spawnSync(python, ['-c', code]).status === 0;

const engines = (await describeEngines()).filter(({ id }) => id === 'webgpu' || id === 'tensorflow');
const onGpu = engines.filter(({ available, description }) => available && (values.software || !/software|on the CPU/.test(description)));
const folder = mkdtempSync(join(tmpdir(), 'taps-bench-gpu-'));
try {
  const model = modelFile();
  if (onGpu.length === 0) console.log(`skipped: the GPU benchmark found no GPU: ${engines.map(({ id, description }) => `${id}: ${description}`).join(' · ')}`);
  else if (model === null) console.log('skipped: the GPU benchmark needs a ResNet-50 as ONNX (--model), or PyTorch, torchvision and onnx for Python to make one (Debian: python3-torch python3-torchvision python3-onnx).');
  else await compare(model);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function modelFile(): string | null {
  if (values.model !== undefined) return values.model;
  if (onGpu.length === 0 || !python3('import torch, torchvision, onnx')) return null;
  const path = join(folder, 'resnet50.onnx');
  const made = spawnSync(python, [reference, '--model', 'resnet50', '--size', values.size, '--export', path], { encoding: 'utf8' });
  if (made.status !== 0) throw new Error(`The export of ResNet-50 failed: ${made.stderr.slice(-800)}`);
  return path;
}

async function compare(model: string): Promise<void> {
  const cuda = python3('import torch, torchvision; assert torch.cuda.is_available()');
  const common = ['--size', values.size, '--batch', values.batch, '--steps', values.steps];
  const ours = new Map<string, Measured[]>(onGpu.map(({ id }) => [id, []]));
  const theirs: Measured[] = [];
  for (let turn = 0; turn < Number(values.turns); turn++) {
    for (const { id } of onGpu) ours.get(id)?.push(await measure(process.execPath, [join(root, 'tests', 'bench', 'train-step.ts'), '--model', model, '--engine', id, ...common]));
    if (cuda) theirs.push(await measure(python, [reference, '--model', 'resnet50', '--device', 'cuda', ...common]));
  }
  const pytorch = theirs.length === 0 ? null : middle(theirs);
  const gigabytes = (bytes: number | null): string => (bytes === null ? 'not told' : `${(bytes / 1e9).toFixed(2)} GB`);
  console.log(`TAPS training step, ${values.model ?? 'ResNet-50'}, ${values.size} × ${values.size}, batch ${values.batch}, medians of ${values.turns} turns\n`);
  console.log('| what | images/s | GPU memory | images/s of PyTorch’s | trace and sessions |\n| --- | ---: | ---: | ---: | ---: |');
  for (const { id, description } of onGpu) {
    const { imagesPerSecond, deviceBytes, compileMs = 0 } = middle(ours.get(id) ?? []);
    console.log(`| ${description} | ${imagesPerSecond.toFixed(1)} | ${gigabytes(deviceBytes)} | ${pytorch === null ? 'no PyTorch with CUDA here' : (imagesPerSecond / pytorch.imagesPerSecond).toFixed(2)} | ${compileMs.toFixed(0)} ms |`);
  }
  if (pytorch !== null) console.log(`| PyTorch on the same GPU | ${pytorch.imagesPerSecond.toFixed(1)} | ${gigabytes(pytorch.deviceBytes)} | 1 | |`);
}
