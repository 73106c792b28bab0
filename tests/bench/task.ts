/**
 * @file `npm run bench -- task`: from pictures to a trained task, next to the PyTorch reference of TAPS (tests/reference/learn_task.py) on the
 * same base, decoded pictures, splits and threads. Each time is that of a whole command, start of the process included, of ours compiled as installed; both sides keep
 * the epoch that is best on validation pictures and look at the test pictures once. The fast settings get the reference's own bytes as their
 * budget; every further row changes one thing in them.
 *
 * npm run bench -- task [--seeds 0,1,2] [--threads 2] [--base net.onnx|folder --images folder [--preprocessing name] --size 96 --epochs 6 --lr 0.002 --batch 16 --lambda 1]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { workingSize } from '../../src-main/codec/decode-picture.ts';
import { preprocessingSchema } from '../../src-main/contract/preprocessing.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { serializeOnnx } from '../../src-main/graph/onnx/encode.ts';
import { joinWeights } from '../../src-main/graph/topology.ts';
import { importModel } from '../../src-main/model-io/import-model.ts';
import { machineWords, PYTHON, ROOT, writeSection } from './report.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    seeds: { type: 'string', default: '0,1,2' },
    threads: { type: 'string', default: '2' },
    base: { type: 'string' },
    images: { type: 'string' },
    preprocessing: { type: 'string' },
    size: { type: 'string', default: '32' },
    epochs: { type: 'string', default: '18' },
    warmup: { type: 'string', default: '3' },
    lr: { type: 'string', default: '0.05' },
    batch: { type: 'string', default: '16' },
    lambda: { type: 'string', default: '1' },
    trunk: { type: 'string', default: '0.4' },
    views: { type: 'string', default: '4' },
    'fast-epochs': { type: 'string' },
    'fast-lr': { type: 'string' },
    rows: { type: 'string' },
  },
});
const seeds = values.seeds.split(',').map(Number);
const fastEpochs = Number(values['fast-epochs'] ?? Math.round(Number(values.epochs) / 3));

interface Outcome {
  /** Of the whole command. */
  wallSeconds: number;
  testAccuracy: number;
  bytes: number;
}

interface Task {
  name: string;
  images: string;
  library: string;
  preprocessing: string;
}

function run(command: string, args: readonly string[]): { output: string; seconds: number } {
  const started = performance.now();
  const result = spawnSync(command, args, { encoding: 'utf8', cwd: ROOT, stdio: ['ignore', 'pipe', 'pipe'], maxBuffer: 2 ** 28 });
  if (result.status !== 0) throw new Error(`${command} ${args.join(' ')} ended with ${String(result.status)}: ${result.stderr.slice(-800)}${result.stdout.slice(-800)}`);
  return { output: result.stdout, seconds: (performance.now() - started) / 1000 };
}

const taps = (task: Pick<Task, 'library'>, ...args: string[]): { output: string; seconds: number } =>
  run(process.execPath, [join(ROOT, 'dist', 'cli', 'main.js'), '--library', task.library, '--json', '--quiet', ...args]);

interface TrainOutput {
  result: { test: { accuracy: number } };
  delta: { blob: { bytes: number } };
}

function learn(task: Task, seed: number, options: readonly string[]): Outcome {
  const common = ['--image-size', values.size, '--batch', values.batch, '--lr', values.lr, '--seed', String(seed), '--threads', values.threads];
  const { output, seconds } = taps(task, 'train', task.name, '--method', 'taps', ...common, ...options);
  const { result, delta } = JSON.parse(output) as TrainOutput;
  return { wallSeconds: seconds, testAccuracy: result.test.accuracy, bytes: delta.blob.bytes };
}

function learnReference(task: Task, seed: number, onnx: string): Outcome {
  const prepared = preparedFolder(task);
  const { output, seconds } = run(PYTHON, [
    join(ROOT, 'tests', 'reference', 'learn_task.py'), '--onnx', onnx, '--prepared', prepared, '--preprocessing', task.preprocessing, '--size', values.size,
    '--epochs', values.epochs, '--warmup', values.warmup, '--batch', values.batch, '--lr', values.lr, '--sparsity', values.lambda, '--seed', String(seed), '--threads', values.threads,
  ]);
  const { testAccuracy, bytes } = JSON.parse(output.trim().split('\n').at(-1) ?? '') as Outcome;
  return { wallSeconds: seconds, testAccuracy, bytes };
}

/** Whatever file the base came from, the graph that is learnt on, for the reference to read. */
async function writeAsOnnx(path: string, onnx: string): Promise<void> {
  const { graphPath, weightsPath } = await importModel({ path, outputFolder: folder });
  writeFileSync(onnx, serializeOnnx(joinWeights(readFileSync(graphPath), readSafetensors(readFileSync(weightsPath)).tensors)));
}

/**
 * Where the decoded pictures of a run at this image size are listed. Adding a task decodes at the base's own size, which may be another:
 * on that list the reference would be tested on the middle of larger pictures.
 */
function preparedFolder(task: Task): string {
  const folder = join(task.library, 'cache', 'prepared');
  const preprocessing = preprocessingSchema.parse({ ...(JSON.parse(task.preprocessing) as object), imageSize: Number(values.size) });
  const { key } = workingSize(preprocessing);
  const found = readdirSync(folder).find((name) => basename((JSON.parse(readFileSync(join(folder, name, 'prepared.json'), 'utf8')) as { cache: string }).cache) === key);
  if (found === undefined) throw new Error(`No list in ${folder} is of pictures decoded as ${key}.`);
  return join(folder, found);
}

const FAST = ['head-start', 'trunk', 'budget', 'epochs', 'views', 'half'] as const;
type Means = (typeof FAST)[number];
/** Fast settings without one of their means, or (`views`, `half`) with one more that they leave out. */
function fastOptions(budget: number, changed?: Means): string[] {
  const has = (means: Means): boolean => means !== changed;
  return [
    ...(has('head-start') ? ['--head-start'] : []),
    ...(has('trunk') ? ['--trunk', values.trunk] : []),
    ...(has('views') && has('half') ? [] : ['--views', values.views]),
    ...(has('half') ? [] : ['--trunk-precision', 'float16']),
    ...(has('budget') ? ['--budget', String(budget)] : ['--lambda', values.lambda]),
    '--epochs', String(has('epochs') ? fastEpochs : values.epochs),
    '--warmup', '1',
    ...(values['fast-lr'] === undefined ? [] : ['--lr', values['fast-lr']]),
  ];
}

const WORDS: Record<Means, string> = {
  'head-start': 'without the head start',
  trunk: 'without a trunk (everything may be learnt)',
  views: `${values.views} views of every picture, so that the trunk's activations come back`,
  half: `${values.views} views, whose activations are float16`,
  budget: 'λ as the reference, gates free to the end',
  epochs: 'as many epochs as the reference',
};

if (spawnSync(PYTHON, ['-c', 'import torch, onnx']).status !== 0) {
  console.log('skipped: this benchmark needs PyTorch and onnx for Python (Debian: python3-torch python3-onnx).');
  process.exit(0);
}
if (spawnSync(process.execPath, [join(ROOT, 'src-main', 'bin', 'run.mjs'), 'build', '--if-stale'], { cwd: ROOT, stdio: ['ignore', 'ignore', 'inherit'] }).status !== 0) process.exit(1);
const folder = mkdtempSync(join(tmpdir(), 'taps-bench-task-'));
try {
  const base = resolve(values.base ?? join(ROOT, 'resources', 'base', 'cifar10-resnet.onnx'));
  const images = values.images === undefined ? ['drawings', 'emoji'].map((name) => join(ROOT, 'resources', 'samples', name)) : values.images.split(',').map((path) => resolve(path));
  const rows = new Map<string, Outcome[]>();
  const add = (name: string, outcome: Outcome): void => {
    rows.set(name, [...(rows.get(name) ?? []), outcome]);
    console.log(`${name}: ${outcome.wallSeconds.toFixed(1)} s, ${(100 * outcome.testAccuracy).toFixed(1)} %, ${(outcome.bytes / 1e6).toFixed(2)} MB`);
  };
  for (const path of images) {
    const task: Task = { name: basename(path), images: path, library: join(folder, basename(path)), preprocessing: '' };
    taps(task, 'base', 'import', base, '--name', 'base', ...(values.preprocessing === undefined ? [] : ['--preprocessing', values.preprocessing]));
    taps(task, 'task', 'add', task.name, '--base', 'base', '--images', path);
    const shown = JSON.parse(taps(task, 'base', 'show', 'base').output) as { preprocessing: object };
    task.preprocessing = JSON.stringify(shown.preprocessing);
    const onnx = join(folder, 'base.onnx');
    await writeAsOnnx(base, onnx);
    // Decodes the pictures for both sides.
    learn(task, 0, ['--epochs', '1']);
    for (const seed of seeds) {
      const reference = learnReference(task, seed, onnx);
      add('PyTorch reference', reference);
      add('the same settings here', learn(task, seed, ['--epochs', values.epochs, '--warmup', values.warmup, '--lambda', values.lambda]));
      add('fast settings', learn(task, seed, fastOptions(reference.bytes)));
      for (const means of FAST) if (values.rows === undefined || values.rows.split(',').includes(means)) add(WORDS[means], learn(task, seed, fastOptions(reference.bytes, means)));
    }
  }
  report(rows, images.map((path) => basename(path)));
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function report(rows: ReadonlyMap<string, readonly Outcome[]>, tasks: readonly string[]): void {
  const mean = (all: readonly Outcome[], key: keyof Outcome): number => all.reduce((sum, one) => sum + one[key], 0) / Math.max(1, all.length);
  const reference = rows.get('PyTorch reference') ?? [];
  const table = [
    '| what | seconds | of the reference’s | test accuracy | bytes | of the reference’s |',
    '| --- | --- | --- | --- | --- | --- |',
    ...Array.from(rows, ([name, all]) =>
      `| ${name} | ${mean(all, 'wallSeconds').toFixed(1)} | ${(mean(all, 'wallSeconds') / mean(reference, 'wallSeconds')).toFixed(2)} | ${(100 * mean(all, 'testAccuracy')).toFixed(1)} % | ${(mean(all, 'bytes') / 1e6).toFixed(3)} MB | ${(mean(all, 'bytes') / mean(reference, 'bytes')).toFixed(2)} |`),
  ];
  const base = values.base === undefined ? 'the embedded base' : basename(values.base);
  const settings = `Reference: ${values.epochs} epochs, batch ${values.batch}, rate ${values.lr}, λ ${values.lambda}, ${values.size} × ${values.size} pixels. Fast: ${String(fastEpochs)} epochs, trunk ${values.trunk} of a forward pass, the reference's bytes as budget (so gates are fixed after a fifth), a head start.`;
  writeSection(`task-${base}`, `## From pictures to a trained task: ${tasks.join(', ')} on ${base}\n\nMade by \`npm run bench -- task\` (${machineWords(Number(values.threads))}); means of ${String(seeds.length)} seed(s) and ${String(tasks.length)} task(s). ${settings} Lines below the fast settings change one thing in them.\n\n${table.join('\n')}`);
  writeFileSync(join(ROOT, 'docs', `benchmarks-task-${values.base === undefined ? 'embedded' : base.replace(/\W+/gu, '-')}.json`), `${JSON.stringify({ settings, rows: Object.fromEntries(rows) }, null, 2)}\n`);
}
