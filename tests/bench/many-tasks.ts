/**
 * @file `npm run bench -- many-tasks`: several tasks on one picture against one forward pass, and switching a loaded network from task
 * to task. Baselines of the same run, in turns with what they are compared to: a forward pass of one task; loading a task anew.
 *
 * npm run bench -- many-tasks [--model FILE.onnx --size 224 --threads 2 --turns 9]     default: an untrained ResNet-50 of torchvision
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { TaskArtifact } from '../../src-main/contract/training.ts';
import { createEngine } from '../../src-main/engine/index.ts';
import { decodeTaskFile, encodeTaskFile } from '../../src-main/formats/task-file.ts';
import { analyseBase } from '../../src-main/graph/analyse/analyse-base.ts';
import { parseOnnx } from '../../src-main/graph/parse-onnx.ts';
import { createPredictor } from '../../src-main/training/predictor.ts';
import { createSharedPredictor } from '../../src-main/training/shared-predictor.ts';
import { createTaskSwitcher, readyTask } from '../../src-main/training/task-switcher.ts';
import { changedTask, gatedLayers } from '../helpers/changed-task.ts';
import { exportTorchModel, median, machineWords, writeSection } from './report.ts';

const { values } = parseArgs({
  args: process.argv.slice(3),
  options: { model: { type: 'string' }, size: { type: 'string', default: '224' }, threads: { type: 'string', default: '2' }, turns: { type: 'string', default: '9' } },
});
const [imageSize, threads, turns] = [Number(values.size), Number(values.threads), Number(values.turns)];
const folder = mkdtempSync(join(tmpdir(), 'taps-many-tasks-'));
const modelPath = values.model ?? exportTorchModel('resnet50', imageSize, folder);
if (modelPath === null) {
  console.log('skipped: needs --model FILE.onnx, or PyTorch and torchvision for Python to make a ResNet-50.');
  process.exit(0);
}
const base = analyseBase(parseOnnx(readFileSync(modelPath)));
const engine = await createEngine('onnxruntime', { threads });
const layers = gatedLayers(base).length;
const images = Float32Array.from({ length: 3 * imageSize * imageSize }, (_, index) => Math.sin(index * 0.37));
const norms = base.parameters.filter(({ role }) => role === 'norm-affine' || role === 'norm-statistic');

/** Everything from this share of the layers on is the task's own. */
function taskFrom(share: number, seed: number): TaskArtifact {
  const first = Math.floor(share * layers);
  const lowest = gatedLayers(base)[first]?.nodeIndex ?? Infinity;
  return changedTask(base, { seed, imageSize, classes: 10, layers: Array.from({ length: layers - first }, (_, index) => first + index), own: norms.filter(({ nodeIndex }) => nodeIndex > lowest).map(({ name }) => name) });
}

const rows: string[] = [];
const ms = (value: number): string => (value < 1 ? `${value.toFixed(2)} ms` : `${value.toFixed(value < 20 ? 1 : 0)} ms`);
async function timed(work: () => unknown): Promise<number> {
  const started = performance.now();
  await work();
  return performance.now() - started;
}

/** Medians of both, taken in turns. */
async function inTurns(first: () => unknown, second: () => unknown): Promise<[number, number]> {
  const times: [number[], number[]] = [[], []];
  await first();
  await second();
  for (let turn = 0; turn < turns; turn++) {
    times[0].push(await timed(first));
    times[1].push(await timed(second));
  }
  return [median(times[0]), median(times[1])];
}

const single = await createPredictor({ engine, base, artifact: taskFrom(0.5, 1), batchSize: 1 });
for (const count of [2, 4, 8]) {
  for (const from of [0.25, 0.75, 1]) {
    const tasks = Array.from({ length: count }, (_, index) => ({ name: `task ${String(index + 1)}`, artifact: taskFrom(from, index + 1) }));
    const shared = await createSharedPredictor({ engine, base, tasks, batchSize: 1, weights: 'constants' });
    const share = shared.sharing.pairs[0]?.share ?? 0;
    const [together, alone] = await inTurns(() => shared.logits(images), () => single.logits(images));
    shared.dispose();
    const bound = 1.1 * (1 + (1 - share) * (count - 1));
    const ratio = together / alone;
    rows.push(`| ${String(count)} | ${(share * 100).toFixed(1)} % | ${ms(together)} | ${ms(alone)} | ${ratio.toFixed(2)} | ${bound.toFixed(2)} |`);
    console.log(rows.at(-1));
  }
}
single.dispose();

// Switching: three kinds of tasks, the last one with every weight its own.
const kinds = [taskFrom(0.9, 1), taskFrom(0.6, 2), taskFrom(0, 3)];
const paths = kinds.map((artifact, index) => {
  const path = join(folder, `task-${String(index)}.safetensors`);
  writeFileSync(path, encodeTaskFile(artifact));
  return path;
});
const switcher = await createTaskSwitcher({ engine, base, imageSize, batchSize: 1 });
const ready = kinds.map((artifact) => readyTask(base, artifact));
const SWITCHES = 200;
const warm: number[] = [];
for (const task of ready) {
  switcher.use(task);
  await switcher.logits(images);
}
const before = process.memoryUsage.rss();
for (let turn = 0; turn < SWITCHES; turn++) {
  const next = ready[turn % ready.length];
  if (next !== undefined) warm.push(await timed(() => { switcher.use(next); }));
  if (turn % 20 === 0) await switcher.logits(images);
}
const grown = process.memoryUsage.rss() - before;
const switchRows: string[] = [`| to a task that is kept, ${String(SWITCHES)} times, median (slowest) | ${ms(median([...warm]))} (${ms(Math.max(...warm))}) | |`];
for (const [index, path] of paths.entries()) {
  const artifact = kinds[index];
  if (artifact === undefined) continue;
  const [cold, anew] = await inTurns(
    () => { switcher.use(readyTask(base, decodeTaskFile(readFileSync(path)))); },
    async () => { (await createPredictor({ engine, base, artifact, batchSize: 1 })).dispose(); },
  );
  switchRows.push(`| to a task of ${(readFileSync(path).length / 1e6).toFixed(0)} MB that is read from its file | ${ms(cold)} | ${(cold / anew).toFixed(3)} of loading it anew (${ms(anew)}, base in memory) |`);
}
switchRows.push(`| memory after ${String(SWITCHES)} switches | ${(grown / 2 ** 20).toFixed(0)} MiB more | |`);
switcher.dispose();
engine.dispose();
rmSync(folder, { recursive: true, force: true });

writeSection(
  'many-tasks',
  `## Many tasks on one network

Made by \`npm run bench -- many-tasks\` (${machineWords(threads)}; ${values.model === undefined ? 'ResNet-50' : 'the given model'}, ${String(imageSize)} × ${String(imageSize)}, one picture, ${String(turns)} turns each, medians). Tasks change all layers and normalisations above a place.

| tasks | trunk share | all together | one forward pass | ratio | 1.1 · (1 + (1 − share)·(tasks − 1)) |
| --- | --- | --- | --- | --- | --- |
${rows.join('\n')}

| switching a loaded network | time | against |
| --- | --- | --- |
${switchRows.join('\n')}`,
);
