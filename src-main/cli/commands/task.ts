/** @file `taps task add|list|show|remove`. Packing is in task-pack.ts. */
import { Command, Option } from 'commander';
import type { DatasetManifest, Split } from '../../contract/dataset.ts';
import { TapsError } from '../../contract/errors.ts';
import type { TaskRecord } from '../../contract/records.ts';
import { TASK_SORTS, type TaskSort } from '../../contract/studio/library.ts';
import { addTask } from '../../services/add-task.ts';
import { openLibrary, openLibraryForReading, type Library, type TaskSummary } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatFacts, formatTable } from '../format/table.ts';
import { formatBytes, formatPercent, formatTime } from '../format/units.ts';
import { parseFraction, parseInteger } from '../options/parse.ts';
import { byteDisplay, countDisplay } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { wordOfMethod } from '../options/train-options.ts';
import { addPackCommands } from './task-pack.ts';

interface AddOptions {
  base: string;
  images: string;
  seed: number;
  validation: number;
  test: number;
}

interface ListOptions {
  search?: string;
  sort: TaskSort;
  limit?: number;
}

const QUARANTINE_SHOWN = 10;

export function taskCommand(): Command {
  const task = new Command('task').description('what is learnt on a base: classes and their pictures');
  task
    .command('add <name>')
    .description('add a task from a folder with one sub-folder per class (perhaps below train/, val/, test/), from a CSV with file_name,label, or from a zip of either')
    .requiredOption('--base <name>', 'base to learn on')
    .requiredOption('--images <path>', 'folder, CSV file or zip archive')
    .option('--seed <number>', 'start of the random numbers that draw the splits', parseInteger, 0)
    .option('--validation <share>', 'share of each class for validation where there is no such folder (0 to 0.5)', parseFraction, 0.15)
    .option('--test <share>', 'share of each class for the test where there is no such folder (0 to 0.5)', parseFraction, 0.15)
    .action((name: string, options: AddOptions, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibrary(libraryFolder);
        const { task: record, manifest } = await addTask(library, {
          name,
          ...options,
          onUnpacked: byteDisplay(terminal, 'Unpacking the archive'),
          onHashed: countDisplay(terminal, 'Reading pictures'),
          onDecoded: countDisplay(terminal, 'Decoding pictures'),
          signal,
        });
        reportDataset(terminal, manifest);
        terminal.result(`Added ${record.name}: ${record.classNames.length} classes, ${splitCounts(manifest)}`, { task: record, splits: countSplits(manifest), quarantined: manifest.quarantined, warnings: manifest.warnings });
      }),
    );
  task
    .command('list')
    .description('all tasks, or those that are searched for')
    .option('--search <words>', 'only tasks with all these words in name, tags, classes, notes or base')
    .addOption(new Option('--sort <by>', 'order; tasks without the figure come last').choices(TASK_SORTS).default('name'))
    .option('--limit <count>', 'at most so many [default: all]', parseInteger)
    .action(({ search = '', sort, limit }: ListOptions, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        if (limit !== undefined && limit < 1) throw new TapsError('invalid-config', `--limit ${String(limit)} is not possible.`, 'Give 1 or more, or leave it out for all tasks.');
        using library = openLibraryForReading(libraryFolder);
        const { tasks, total } = library.tasks.page({ text: search, sort, ...(limit === undefined ? {} : { limit }) });
        terminal.result(tasks.length === 0 ? noTasks(search) : taskTable(tasks, total), tasks);
      }),
    );
  task
    .command('show <name>')
    .description('one task with its pictures, runs and results')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        showTask(library, library.tasks.get(name), terminal);
      }),
    );
  task
    .command('remove <name>')
    .description('forget a task with its runs and results (the pictures stay; taps library gc frees the bytes)')
    .action((name: string, _options: object, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using library = openLibrary(libraryFolder);
        const record = library.tasks.get(name);
        await library.tasks.remove(record.id);
        terminal.result(`Removed ${record.name}`, { removed: record.name, id: record.id });
      }),
    );
  addPackCommands(task);
  return task;
}

export function countSplits(manifest: DatasetManifest): Record<Split, number> {
  const counts: Record<Split, number> = { train: 0, validation: 0, test: 0 };
  for (const { split } of manifest.images) counts[split]++;
  return counts;
}

function splitCounts(manifest: DatasetManifest): string {
  const { train, validation, test } = countSplits(manifest);
  return `${train} pictures to learn from, ${validation} for validation, ${test} for the test`;
}

/** What a person should know about the pictures, on standard error. */
export function reportDataset(terminal: Terminal, { quarantined, warnings }: DatasetManifest): void {
  for (const warning of warnings) terminal.warn(`warning: ${warning}`);
  for (const { path, reason } of quarantined.slice(0, QUARANTINE_SHOWN)) terminal.warn(`left out: ${path}: ${reason}`);
  if (quarantined.length > QUARANTINE_SHOWN) terminal.warn(`left out: ${quarantined.length - QUARANTINE_SHOWN} more (taps task show lists all)`);
}

function noTasks(search: string): string {
  return search === '' ? 'No tasks yet. Add one: taps task add <name> --base <base> --images <folder>' : `No task has ${JSON.stringify(search)} in its name, tags, classes, notes or base`;
}

/** @param total with those that are not shown */
function taskTable(tasks: readonly TaskSummary[], total: number): string {
  const table = formatTable(
    [
      { title: 'task', align: 'left' },
      { title: 'base', align: 'left' },
      { title: 'classes', align: 'right' },
      { title: 'learnt with', align: 'left' },
      { title: 'test accuracy', align: 'right' },
      { title: 'bytes', align: 'right' },
    ],
    tasks.map(({ name, baseName, classNames, current }) => [
      name,
      baseName,
      String(classNames.length),
      current === null ? '–' : wordOfMethod(current.method),
      formatPercent(current === null ? null : current.testAccuracy),
      current === null ? '–' : formatBytes(current.bytes),
    ]),
  );
  return tasks.length === total ? table : `${table}\n${String(total - tasks.length)} more`;
}

function showTask(library: Library, record: TaskRecord, terminal: Terminal): void {
  const { manifest } = library.datasets.get(record.datasetId);
  const runs = library.runs.list(record.id);
  const deltas = library.deltas.list(record.id);
  const sections = [
    formatFacts([
      ['name', record.name],
      ['id', record.id],
      ['base', library.bases.get(record.baseId).name],
      ['pictures', `${manifest.root}: ${splitCounts(manifest)}`],
      ['classes', record.classNames.join(', ')],
      ['left out', manifest.quarantined.length === 0 ? 'nothing' : manifest.quarantined.map(({ path, reason }) => `${path} (${reason})`).join(', ')],
      ['warnings', manifest.warnings.length === 0 ? 'none' : manifest.warnings.join('; ')],
      ['added', formatTime(record.createdAt)],
    ]),
  ];
  if (runs.length > 0) {
    sections.push(
      formatTable(
        [{ title: 'run', align: 'left' }, { title: 'method', align: 'left' }, { title: 'status', align: 'left' }, { title: 'epochs', align: 'right' }, { title: 'test accuracy', align: 'right' }, { title: 'started', align: 'left' }],
        runs.map((run) => [run.id, wordOfMethod(run.config.method), run.failure === null ? run.status : `${run.status}: ${run.failure}`, `${run.metrics.length}/${run.config.epochs}`, formatPercent(run.result?.test.accuracy ?? null), formatTime(run.startedAt)]),
      ),
    );
  }
  if (deltas.length > 0) {
    sections.push(
      formatTable(
        [{ title: 'result', align: 'left' }, { title: 'method', align: 'left' }, { title: 'test accuracy', align: 'right' }, { title: 'layers tuned', align: 'right' }, { title: 'bytes', align: 'right' }, { title: '', align: 'left' }],
        deltas.map((delta) => [delta.id, wordOfMethod(delta.method), formatPercent(delta.testAccuracy), `${delta.layersOpen}/${delta.layersTotal}`, formatBytes(delta.blob.bytes), delta.id === record.currentDeltaId ? 'current' : '']),
      ),
    );
  }
  terminal.result(sections.join('\n\n'), { task: record, splits: countSplits(manifest), quarantined: manifest.quarantined, warnings: manifest.warnings, runs, deltas });
}
