/** @file Entry of `npm run results:small`: every way to learn on the embedded base and its sample tasks, as docs/results/small.md with charts. */
import { mkdtempSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { DeltaRecord } from '../../contract/records.ts';
import { addTask } from '../../services/add-task.ts';
import { compressTask } from '../../services/compress-task.ts';
import { importBase } from '../../services/import-base.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { runSweep } from '../../services/sweep.ts';
import { planSweep } from '../../services/sweep-plan.ts';
import { libraryFolderOf, runCommand, type CommandContext, type GlobalOptions } from '../context.ts';
import { DEMO_BASE, DEMO_TASKS, DEMO_VALIDATION_SHARE } from '../demo/settings.ts';
import { formatDuration } from '../format/units.ts';
import { parseNumbers } from '../options/budget-options.ts';
import { parseInteger } from '../options/parse.ts';
import { TrainingDisplay } from '../output/training-display.ts';
import { smallDocument } from './markdown.ts';
import { pointsOf } from './points.ts';
import { scatterSvg } from './scatter-svg.ts';
import { smallPlan, TOLERANCE } from './settings.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

interface Options extends GlobalOptions {
  seeds: number[];
  epochs: number;
  out: string;
}

/** The unfinished table of an earlier call on the same library goes on. */
const TITLE = 'results:small';

async function prepare(library: Library, signal: AbortSignal): Promise<string[]> {
  const { base } = await importBase(library, { path: join(ROOT, 'resources', DEMO_BASE.file), name: DEMO_BASE.name, signal });
  for (const { name, folder } of DEMO_TASKS) {
    if (library.tasks.list().some((task) => task.name === name)) continue;
    await addTask(library, { name, base: base.id, images: join(ROOT, 'resources', folder), seed: 0, validation: DEMO_VALIDATION_SHARE, test: 0, signal });
  }
  return DEMO_TASKS.map(({ name }) => name);
}

async function learnAll(context: CommandContext, library: Library, { seeds, epochs }: Options): Promise<{ sweepId: string; seeds: number[] }> {
  const tasks = await prepare(library, context.signal);
  const { entries, notes } = planSweep(library, smallPlan(tasks, seeds, epochs));
  for (const note of notes) context.terminal.warn(note);
  const title = `${TITLE} ${JSON.stringify([seeds, epochs])}`;
  const sweep = library.sweeps.list().find((earlier) => earlier.title === title) ?? library.sweeps.add(title, entries);
  const displays = new Map<number, TrainingDisplay>();
  await runSweep(library, sweep.id, {
    signal: context.signal,
    onEntry: ({ position, setting, config }, task) => {
      const label = `${String(position + 1)}/${String(entries.length)} ${task} ${setting}, seed ${String(config.seed)}`;
      context.terminal.note(label);
      displays.set(position, new TrainingDisplay(context.terminal, label, config.epochs, config.method === 'taps', true));
    },
    onEvent: ({ position }, event) => displays.get(position)?.event(event),
  });
  return { sweepId: sweep.id, seeds: [...new Set(entries.map(({ config }) => config.seed))] };
}

/** Full fine-tuning and TAPS made smaller; forms that are there already are not made again. */
async function compressAll({ terminal, signal }: CommandContext, library: Library, sweepId: string): Promise<DeltaRecord[]> {
  const made: DeltaRecord[] = [];
  for (const { taskId, setting, runId, config } of library.sweeps.get(sweepId).entries) {
    const id = runId === null ? null : library.deltas.idOfRun(runId);
    if (id === null || config.path !== undefined || (config.method !== 'taps' && config.method !== 'full-fine-tuning')) continue;
    const earlier = library.deltas.list(taskId).find(({ derivedFrom }) => derivedFrom === id);
    const { name } = library.tasks.get(taskId);
    if (earlier === undefined) terminal.note(`Compressing ${name} ${setting}`);
    made.push(earlier ?? (await compressTask(library, { task: taskId, method: null, deltaId: id, encoding: 'auto', tolerance: TOLERANCE, engine: 'onnxruntime', threads: 0, signal })).delta);
  }
  return made;
}

async function makeTable(context: CommandContext, options: Options): Promise<void> {
  const started = performance.now();
  const folder = options.library === undefined ? join(mkdtempSync(join(tmpdir(), 'taps-results-')), 'library') : libraryFolderOf(options.library);
  context.terminal.note(`Library: ${folder}`);
  using library = openLibrary(folder, { create: true });
  const { sweepId, seeds } = await learnAll(context, library, options);
  const compressed = await compressAll(context, library, sweepId);
  const points = pointsOf(library, sweepId, compressed);
  const out = resolve(ROOT, options.out);
  await mkdir(out, { recursive: true });
  const tasks = [...new Set(points.map(({ task }) => task))];
  const charts = Object.fromEntries(tasks.map((task) => [task, `small-${task}.svg`]));
  for (const task of tasks) {
    const marks = points.filter((point) => point.task === task).map(({ group, setting, bytes, test }) => ({ group, label: setting, bytes, accuracy: test.mean, halfWidth: test.halfWidth }));
    await writeFile(join(out, charts[task] ?? ''), scatterSvg(`${task}: test accuracy over bytes`, marks));
  }
  const runs = library.sweeps.get(sweepId).entries.flatMap(({ runId }) => (runId === null ? [] : (library.runs.get(runId).result ?? [])));
  const testImages = Object.fromEntries(tasks.map((task) => [task, library.datasets.get(library.tasks.get(task).datasetId).manifest.images.filter(({ split }) => split === 'test').length]));
  const command = `npm run results:small -- --seeds ${seeds.join(',')} --epochs ${String(options.epochs)}`;
  // With a library that had results already, the time is that of the runs.
  const seconds = Math.max((performance.now() - started) / 1000, runs.reduce((sum, run) => sum + run.seconds, 0));
  await writeFile(join(out, 'small.md'), smallDocument({ command, engine: runs[0]?.engine ?? '', seconds, seeds, testImages, points, charts }));
  context.terminal.result(`Wrote ${join(out, 'small.md')} from ${String(runs.length)} runs in ${formatDuration(seconds)}`, { out: join(out, 'small.md'), points });
}

const program = new Command('results:small')
  .description('learns the sample tasks on the embedded base in every way and writes the table with charts; stopped, it goes on with --library')
  .addOption(new Option('--seeds <list>', 'one run of everything per seed').argParser(parseNumbers).default([0], '0'))
  .addOption(new Option('--epochs <count>', 'passes of a single run').argParser(parseInteger).default(18))
  .option('--out <folder>', 'where the table is written, from the checkout', 'docs/results')
  .option('--library <folder>', 'library to work on [default: a new one in the temporary folder]')
  .option('--json', 'end with one JSON document on standard output')
  .option('--quiet', 'no progress')
  .action((options: Options, command: Command) => runCommand(command, (context) => makeTable(context, options)));

await program.parseAsync();
