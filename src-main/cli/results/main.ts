/** @file Entry of `npm run results:small`: every way to learn on the embedded base and its sample tasks, as docs/results/small.md with charts. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Command, Option } from 'commander';
import { addTask } from '../../services/add-task.ts';
import { compressSweep } from '../../services/compress-sweep.ts';
import { importBase } from '../../services/import-base.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { runSweep } from '../../services/sweep.ts';
import { planSweep } from '../../services/sweep-plan.ts';
import { libraryFolderOf, runCommand, type CommandContext, type GlobalOptions } from '../context.ts';
import { DEMO_BASE, DEMO_TASKS, DEMO_VALIDATION_SHARE } from '../demo/settings.ts';
import { parseNumbers } from '../options/budget-options.ts';
import { parseInteger } from '../options/parse.ts';
import { TrainingDisplay } from '../output/training-display.ts';
import { smallPlan, TOLERANCE } from './settings.ts';
import { writeReport } from './write-report.ts';

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

async function makeTable(context: CommandContext, options: Options): Promise<void> {
  const started = performance.now();
  const folder = options.library === undefined ? join(mkdtempSync(join(tmpdir(), 'taps-results-')), 'library') : libraryFolderOf(options.library);
  context.terminal.note(`Library: ${folder}`);
  using library = openLibrary(folder, { create: true });
  const { sweepId, seeds } = await learnAll(context, library, options);
  await compressSweep(library, sweepId, {
    tolerance: TOLERANCE,
    onResult: (task, setting) => {
      context.terminal.note(`Compressing ${task} ${setting}`);
    },
    signal: context.signal,
  });
  const file = join(resolve(ROOT, options.out), 'small.md');
  const points = await writeReport(library, [sweepId], {
    file,
    title: 'The quick table',
    about: 'The embedded base (a small residual network trained on CIFAR-10) on its sample tasks.',
    commands: [`npm run results:small -- --seeds ${seeds.join(',')} --epochs ${String(options.epochs)}`],
    seconds: (performance.now() - started) / 1000,
  });
  context.terminal.result(`Wrote ${file}`, { out: file, points });
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
