/** @file The demonstration: a base in, two tasks learnt in three ways, a table, a merged model out and proven, the tasks made smaller. */
import { join } from 'node:path';
import { DEFAULT_TOLERANCE } from '../../contract/compression.ts';
import { TapsError } from '../../contract/errors.ts';
import type { BaseRecord, TaskRecord } from '../../contract/records.ts';
import type { MethodId, TrainConfig } from '../../contract/training.ts';
import { addTask } from '../../services/add-task.ts';
import { compareTasks } from '../../services/compare-tasks.ts';
import { compressTask } from '../../services/compress-task.ts';
import { exportTask } from '../../services/export-task.ts';
import { importBase } from '../../services/import-base.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { trainTask } from '../../services/train-task.ts';
import { showCompression } from '../commands/compress.ts';
import { countSplits, reportDataset } from '../commands/task.ts';
import { comparisonTable } from '../format/comparison-table.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { countDisplay } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { TrainingDisplay } from '../output/training-display.ts';
import { libraryTotals, type DemoMethodReport, type DemoReport, type DemoTaskReport } from './report.ts';
import { DEMO_BASE, DEMO_METHODS, DEMO_TASKS, DEMO_VALIDATION_SHARE, demoConfig } from './settings.ts';

export interface DemoOptions {
  libraryFolder: string;
  /** Folder with base/ and samples/. */
  resources: string;
  terminal: Terminal;
  signal: AbortSignal;
  /** Settings of a run; default `demoConfig`. */
  configOf?: (method: MethodId) => TrainConfig;
}

/** Runs everything and prints what a person wants to see on the way. The library stays where it is. */
export async function runDemo(options: DemoOptions): Promise<{ report: DemoReport; text: string }> {
  const { libraryFolder, resources, terminal, signal } = options;
  const started = performance.now();
  using library = openLibrary(libraryFolder, { create: true });
  terminal.note(`Library: ${libraryFolder}`);
  const { base } = await importBase(library, { path: join(resources, DEMO_BASE.file), name: DEMO_BASE.name, signal });
  const baseBytes = base.graph.bytes + base.weights.bytes;
  terminal.note(`Base: ${base.name}, ${base.summary.gatedLayers} layers that can be adapted, ${formatBytes(baseBytes)}`);
  const tasks: DemoTaskReport[] = [];
  let engine = '';
  for (const { name, folder } of DEMO_TASKS) {
    const task = await findOrAddTask(library, base, name, join(resources, folder), options);
    const methods: DemoTaskReport['methods'] = {};
    for (const method of DEMO_METHODS) {
      const learnt = await learn(library, name, method, options);
      engine = learnt.engine;
      methods[method] = learnt.report;
    }
    const { train, test } = countSplits(library.datasets.get(task.datasetId).manifest);
    tasks.push({ name, classes: task.classNames.length, train, test, methods });
  }
  const comparison = compareTasks(library, DEMO_TASKS.map(({ name }) => name));
  const exported = await exportFirst(library, options);
  const smaller: string[] = [];
  for (const { name } of DEMO_TASKS) smaller.push(await makeSmaller(library, name, options));
  const seconds = (performance.now() - started) / 1000;
  const report: DemoReport = { seconds, engine, base: { name: base.name, bytes: baseBytes }, tasks, library: libraryTotals(comparison), export: exported };
  return { report, text: [comparisonTable(comparison), '', exportText(exported), '', 'Made smaller, each part in the form that its answers bear (taps compress):', ...smaller, '', `Everything took ${formatDuration(seconds)} with ${engine}.`].join('\n') };
}

/** A second run on the same library goes on with its tasks. */
async function findOrAddTask(library: Library, base: BaseRecord, name: string, images: string, { terminal, signal }: DemoOptions): Promise<TaskRecord> {
  const existing = library.tasks.list().find((task) => task.name === name);
  if (existing !== undefined) {
    if (existing.baseId === base.id) return existing;
    throw new TapsError('already-exists', `The library has a task ${name} on another base.`, 'Run the demonstration without --library, or on an empty folder.');
  }
  const { task, manifest } = await addTask(library, { name, base: base.id, images, seed: 0, validation: DEMO_VALIDATION_SHARE, test: 0, onDecoded: countDisplay(terminal, `Decoding ${name}`), signal });
  reportDataset(terminal, manifest);
  const { train, validation, test } = countSplits(manifest);
  terminal.note(`Task: ${name}, ${task.classNames.length} classes, ${train} pictures to learn from, ${validation} for validation, ${test} for the test`);
  return task;
}

async function learn(library: Library, task: string, method: MethodId, { terminal, signal, configOf = demoConfig }: DemoOptions): Promise<{ report: DemoMethodReport; engine: string }> {
  const started = performance.now();
  const config = configOf(method);
  const display = new TrainingDisplay(terminal, `${task} ${method}`, config.epochs, method === 'taps');
  const { delta, result } = await trainTask(library, {
    task,
    config,
    signal,
    onEvent: (event) => {
      display.event(event);
    },
  });
  const seconds = (performance.now() - started) / 1000;
  terminal.note(`Learnt ${task} with ${method}: test accuracy ${formatPercent(result.test.accuracy)}, ${delta.layersOpen} of ${delta.layersTotal} layers tuned, ${formatBytes(delta.blob.bytes)}, ${formatDuration(seconds)}`);
  return {
    engine: result.engine,
    report: { accuracy: result.test.accuracy, layersTuned: delta.layersOpen, layersTotal: delta.layersTotal, parameters: delta.parameters, bytes: delta.blob.bytes, seconds },
  };
}

/** The first task's TAPS result as one ONNX file. */
async function exportFirst(library: Library, { libraryFolder, signal }: DemoOptions): Promise<DemoReport['export']> {
  const task = DEMO_TASKS[0]?.name ?? '';
  const { path, bytes, parity } = await exportTask(library, {
    task,
    method: 'taps',
    out: join(libraryFolder, 'exports', `${task}.onnx`),
    overwrite: true,
    engine: 'onnxruntime',
    threads: 0,
    signal,
  });
  return { path, bytes, maxAbsLogitDiff: parity.maxAbsLogitDiff, top1Agreement: parity.top1Agreement, images: parity.images };
}

/** @returns a line */
async function makeSmaller(library: Library, task: string, { terminal, signal }: DemoOptions): Promise<string> {
  const { from, delta, report, fullCopyBytes } = await compressTask(library, {
    task,
    method: 'taps',
    encoding: 'auto',
    tolerance: DEFAULT_TOLERANCE,
    engine: 'onnxruntime',
    threads: 0,
    onProgress: (progress) => {
      showCompression(terminal, progress);
    },
    signal,
  });
  return `${task}: ${formatBytes(report.bytesAfter)} instead of ${formatBytes(report.bytesBefore)}, ${formatPercent(report.bytesAfter / fullCopyBytes)} of a full copy; test accuracy ${formatPercent(delta.testAccuracy)}, before ${formatPercent(from.testAccuracy)}`;
}

function exportText({ path, bytes, maxAbsLogitDiff, top1Agreement, images }: DemoReport['export']): string {
  return `Merged model: ${path} (${formatBytes(bytes)})\nProven in a fresh process on ${images} test pictures: largest logit difference ${maxAbsLogitDiff.toExponential(1)}, same first class ${formatPercent(top1Agreement)}`;
}
