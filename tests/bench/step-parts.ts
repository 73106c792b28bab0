/**
 * @file `npm run bench -- step-parts`: what a training step's time goes into, and what could be taken out of it. How long the pictures of a
 * batch take to be made ready beside the step that uses them (what doing both at once could save), what the trunk takes, and what a step
 * with fixed gates would save if its gradients stopped below the lowest open layer. All alternate in one process; figures are medians.
 *
 * npm run bench -- step-parts [--threads 2] [--steps 12] [--base net.onnx|folder --images folder --size 96 --trunk 0.5] [--batch 16]
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { trainConfigSchema } from '../../src-main/contract/training.ts';
import type { Preprocessing } from '../../src-main/contract/preprocessing.ts';
import { epochOrder, trainingBatch } from '../../src-main/core/batching.ts';
import { openPreparedSet } from '../../src-main/data/prepared-set.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import type { CompiledStep } from '../../src-main/engine/types.ts';
import { readSafetensors } from '../../src-main/formats/safetensors.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { joinWeights } from '../../src-main/graph/topology.ts';
import { importModel } from '../../src-main/model-io/import-model.ts';
import { ActivationCache } from '../../src-main/trainer/activation-cache.ts';
import { fixedGatesPlan } from '../../src-main/training/steps/fixed-gates.ts';
import { initialState, makePlan, type TrainPlan } from '../../src-main/training/steps/plan.ts';
import { trainStepSpec } from '../../src-main/training/steps/train-step.ts';
import { chooseTrunk } from '../../src-main/training/trunk/trunk.ts';
import { trunkStepSpec, withTrunk } from '../../src-main/training/trunk/with-trunk.ts';
import { machineWords, median, ROOT, writeSection } from './report.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: {
    threads: { type: 'string', default: '2' },
    steps: { type: 'string', default: '12' },
    base: { type: 'string' },
    images: { type: 'string' },
    size: { type: 'string', default: '32' },
    batch: { type: 'string', default: '16' },
    trunk: { type: 'string', default: '0.4' },
  },
});
const batchSize = Number(values.batch);
const imageSize = Number(values.size);
const threads = Number(values.threads);
const basePath = resolve(values.base ?? join(ROOT, 'resources', 'base', 'cifar10-resnet.onnx'));
const imagesPath = resolve(values.images ?? join(ROOT, 'resources', 'samples', 'drawings'));

function taps(library: string, ...args: string[]): string {
  const result = spawnSync(process.execPath, [join(ROOT, 'src-main', 'cli', 'main.ts'), '--library', library, '--json', '--quiet', ...args], { encoding: 'utf8', cwd: ROOT });
  if (result.status !== 0) throw new Error(`taps ${args.join(' ')} ended with ${String(result.status)}: ${result.stderr.slice(-800)}`);
  return result.stdout;
}

/**
 * What a run with fixed gates would compute if normalisation below its lowest open layer no longer learnt: nothing below that layer is
 * differentiated then. (Values below are taken from the base here, which is of no matter for the time.)
 */
function stoppingBelow(plan: TrainPlan): TrainPlan {
  const lowest = Math.min(...plan.adapted.map(({ parameter }) => parameter.nodeIndex));
  const below = plan.trained.filter(({ nodeIndex }) => nodeIndex < lowest);
  return { ...plan, trained: plan.trained.filter(({ nodeIndex }) => nodeIndex >= lowest), frozen: [...plan.frozen, ...below] };
}

const folder = mkdtempSync(join(tmpdir(), 'taps-bench-parts-'));
try {
  const library = join(folder, 'library');
  taps(library, 'base', 'import', basePath, '--name', 'base');
  taps(library, 'task', 'add', 'task', '--base', 'base', '--images', imagesPath);
  const { preprocessing: own } = JSON.parse(taps(library, 'base', 'show', 'base')) as { preprocessing: Preprocessing };
  const preprocessing = { ...own, imageSize };
  // Decodes the pictures.
  taps(library, 'train', 'task', '--method', 'probe', '--epochs', '1', '--image-size', values.size, '--batch', values.batch, '--threads', values.threads);
  const prepared = join(library, 'cache', 'prepared');
  const data = openPreparedSet(join(prepared, readdirSync(prepared)[0] ?? ''));
  const { graphPath, weightsPath } = await importModel({ path: basePath, outputFolder: join(folder, 'import') });
  const base = analyseBase(joinWeights(readFileSync(graphPath), readSafetensors(readFileSync(weightsPath)).tensors));
  const engine = await createEngine('onnxruntime', { threads });
  const shape = { batchSize, imageSize };
  const classes = Math.max(...data.labels) + 1;
  const config = trainConfigSchema.parse({ method: 'taps', batchSize, imageSize, threads });
  const whole = makePlan(base, config, classes);
  const trunk = chooseTrunk(base, shape, Number(values.trunk));
  const above = withTrunk(whole, trunk);
  const length = trunk.value.shape.reduce((product, side) => product * side, 1);

  const train = data.indicesOf('train');
  const order = epochOrder(train.length, 0, 0);
  const images = new Float32Array(batchSize * 3 * imageSize * imageSize);
  const labels = new Float32Array(batchSize * classes);
  for (let row = 0; row < batchSize; row++) labels[row * classes + (row % classes)] = 1;
  const activations = new Float32Array(batchSize * length);

  const measured = new Map<string, number[]>();
  const measure = async (name: string, work: () => Promise<unknown> | undefined): Promise<void> => {
    const before = performance.now();
    await work();
    measured.set(name, [...(measured.get(name) ?? []), performance.now() - before]);
  };
  /** A plan with the upper part of its layers open, from this share of them on. */
  const fixed = (plan: TrainPlan, from: number): TrainPlan => fixedGatesPlan(plan, plan.gated.map((_, layer) => layer >= from * plan.gated.length));
  const compiled = async (plan: TrainPlan): Promise<CompiledStep> => engine.compile(trainStepSpec(plan, shape), engine.createState(initialState(plan)));
  const plans: [string, TrainPlan][] = [['step', whole], ['step above the trunk', above]];
  for (const [words, from] of [['upper half', 0.5], ['upper quarter', 0.75]] as const) {
    const today = fixed(whole, from);
    plans.push([`gates fixed, ${words} open`, today], [`gates fixed, ${words} open, gradients stop below them`, stoppingBelow(today)]);
  }
  const steps: [string, CompiledStep, number][] = [];
  for (const [name, plan] of plans) steps.push([name, await compiled(plan), plan.gated.length]);
  const trunkStep = await engine.compile(trunkStepSpec(base, trunk, shape), engine.createState({}));
  const caches = (['memory', 'disk'] as const).flatMap((place) =>
    (['float32', 'float16'] as const).map((precision) => {
      const name = `${precision} ${place}`;
      const limits = { memoryBytes: place === 'memory' ? 2e9 : 0, diskBytes: place === 'disk' ? 2e9 : 0, path: join(folder, `${name}.cache`) };
      const cache = new ActivationCache(length, precision, limits);
      for (let slot = 0; slot < batchSize; slot++) cache.put(String(slot), activations.subarray(slot * length, (slot + 1) * length));
      return { name, words: `its activations from the cache, ${precision} ${place === 'memory' ? 'in memory' : 'on disk'}`, cache };
    }),
  );
  for (let turn = 0; turn < Number(values.steps) + 2; turn++) {
    // The first turns warm up: pictures come from the disk, code is compiled.
    if (turn === 2) measured.clear();
    await measure('pictures', () => {
      trainingBatch(order, batchSize, turn).forEach((position, slot) => {
        data.trainingInput(train[position] ?? 0, images, slot * 3 * imageSize * imageSize, preprocessing, config.augmentation, 0, turn);
      });
      return undefined;
    });
    await measure('trunk', () => trunkStep.run({ images }));
    for (const { name, cache } of caches) {
      await measure(name, () => {
        for (let slot = 0; slot < batchSize; slot++) cache.get(String(slot), activations, slot * length);
        return undefined;
      });
    }
    for (const [name, step, gates] of steps) {
      const rates = { learningRate: Float32Array.of(1e-4), scoreLearningRate: Float32Array.of(0), penalty: new Float32Array(Math.max(1, gates)) };
      await measure(name, () => step.run({ images, activations, labels, ...rates }));
    }
  }
  for (const { cache } of caches) cache.dispose();
  const time = (name: string): number => median([...(measured.get(name) ?? [])]);
  const row = (words: string, name: string, of: string): string => `| ${words} | ${time(name) < 10 ? time(name).toFixed(2) : time(name).toFixed(0)} ms | ${(100 * (time(name) / time(of))).toFixed(time(name) / time(of) < 0.02 ? 2 : 0)} % |`;
  const title = values.base === undefined ? 'the embedded base' : basename(basePath);
  const table = [
    '| what | time | of the step’s |',
    '| --- | --- | --- |',
    row('a step that learns everything', 'step', 'step'),
    row('making its pictures ready: crop, flip, normalise', 'pictures', 'step'),
    row(`the trunk (${(100 * trunk.share).toFixed(0)} % of a forward pass) on a batch`, 'trunk', 'step'),
    row('a step above the trunk', 'step above the trunk', 'step'),
    ...caches.map(({ name, words }) => row(words, name, 'step')),
    ...plans.slice(2).map(([name]) => row(name, name, 'step')),
  ];
  writeSection(`step-parts-${title}`, `## What a step’s time goes into: ${title}, batch ${values.batch}, ${values.size} × ${values.size}\n\nMade by \`npm run bench -- step-parts\` (${machineWords(threads)}; ${values.steps} turns, medians; all in turns in one process). What follows from it: [training.md](training.md#what-a-steps-time-goes-into).\n\n${table.join('\n')}`);
  for (const [, step] of steps) step.dispose();
  trunkStep.dispose();
  engine.dispose();
} finally {
  rmSync(folder, { recursive: true, force: true });
}
