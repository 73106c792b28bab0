/** @file `taps sweep`. */
import { resolve } from 'node:path';
import { Command, Option } from 'commander';
import type { SizeBudget } from '../../contract/budget.ts';
import { DEFAULT_TOLERANCE, toleranceSchema } from '../../contract/compression.ts';
import { TapsError } from '../../contract/errors.ts';
import type { MethodId } from '../../contract/training.ts';
import { compressSweep } from '../../services/compress-sweep.ts';
import { openLibrary, openLibraryForReading, type Library } from '../../services/open-library.ts';
import { requireSlurm } from '../../services/cluster/slurm.ts';
import { findUnfinishedSweep, progressOf, runSweep } from '../../services/sweep.ts';
import { planSweep } from '../../services/sweep-plan.ts';
import { reportSweep } from '../../services/sweep-report.ts';
import { commandToType, runCommand, type CommandContext } from '../context.ts';
import { sweepTable } from '../format/sweep-table.ts';
import { formatTime } from '../format/units.ts';
import { BITS_OPTION, parseBudget, parseBudgets, parseNumbers, typedSize } from '../options/budget-options.ts';
import { parseInteger, parseNames, parseNumber } from '../options/parse.ts';
import { addClusterOptions, refuseClusterOptions, slurmOptionsOf, type ClusterOptions } from '../options/cluster-options.ts';
import { addTrainOptions, givenTrainOptions, methodOf, METHOD_CHOICES, withResumeHint, wordOfMethod } from '../options/train-options.ts';
import { TrainingDisplay } from '../output/training-display.ts';
import { writeReport } from '../results/write-report.ts';
import { showCompression } from './compress.ts';
import { pathConfigOf } from './path.ts';
import { bringBack, cancelOnce, collectOnce, sameSweep, sendAndWait } from './sweep-slurm.ts';

interface Options extends Record<string, unknown>, ClusterOptions {
  methods: string[];
  lambdas?: number[];
  budgets?: SizeBudget[];
  bits?: number;
  path?: number;
  seeds: number[];
  parallel: number;
  resume?: string | true;
  report?: string[];
  compress?: number;
  atMost?: SizeBudget;
  out?: string;
  list?: boolean;
}

function parseTolerance(text: string): number {
  const tolerance = toleranceSchema.safeParse(parseNumber(text));
  if (!tolerance.success) throw new TapsError('usage', `--compress ${text} is not possible (0 to 100).`, 'Give percentage points, such as 0.5.');
  return tolerance.data;
}

function parseParallel(text: string): number {
  const count = parseInteger(text);
  if (count < 1 || count > 2) throw new TapsError('usage', `--parallel ${text} is not possible.`, 'Give 1 or 2: a run uses every core by itself.');
  return count;
}

export function sweepCommand(): Command {
  const command = new Command('sweep')
    .argument('[tasks...]')
    .description('learn tasks in many ways and with several seeds as one job; Ctrl-C stops it, --resume goes on, finished runs are not repeated')
    .addOption(new Option('--methods <list>', `ways to learn, with commas between: ${METHOD_CHOICES.join(', ')}`).argParser(parseNames).default(['taps', 'full', 'probe'], 'taps,full,probe'))
    .addOption(new Option('--lambdas <list>', 'taps: one setting per λ [default: 1, where no budget and no path is asked for]').argParser(parseNumbers))
    .addOption(new Option('--budgets <list>', 'taps: one setting per size (600kB, 20%); layers: three patterns at the same sizes').argParser(parseBudgets))
    .addOption(BITS_OPTION())
    .addOption(new Option('--path <levels>', 'taps: one more setting, a path with so many levels').argParser(parseInteger))
    .addOption(new Option('--seeds <list>', 'one run of everything per seed').argParser(parseNumbers).default([0], '0'))
    .addOption(new Option('--parallel <count>', 'trainers at a time, a second one only while memory allows (1 to 2)').argParser(parseParallel).default(1))
    .option('--resume [sweep]', 'go on with an unfinished sweep, the newest by default')
    .addOption(new Option('--report <sweeps>', 'what sweeps have brought so far; several with commas between, for one document').argParser(parseNames))
    .addOption(new Option('--compress <points>', 'make results of taps and full smaller, each at most so many points of validation accuracy below itself').argParser(parseTolerance))
    .addOption(new Option('--at-most <size>', 'fit every larger result of taps, full and layers into a file of this size (600kB, 3%), whatever the tolerance').argParser(parseBudget))
    .option('--out <file.md>', 'write the table as a document, with a chart per task beside it')
    .option('--list', 'list sweeps');
  return addTrainOptions(addClusterOptions(command), ['method', 'lambda', 'seed']).action((tasks: string[], options: Options, self: Command) =>
    runCommand(self, async (context) => {
      if (options.list === true) {
        listSweeps(context);
        return;
      }
      if (options.report !== undefined) {
        await reportOnly(context, options.report, options);
        return;
      }
      if (options.collect !== undefined) {
        await collectOnce(context, options.collect);
        return;
      }
      if (options.cancel !== undefined) {
        await cancelOnce(context, options.cancel);
        return;
      }
      await workOffSweep(context, tasks, options);
    }),
  );
}

async function workOffSweep(context: CommandContext, tasks: string[], options: Options): Promise<void> {
  using library = openLibrary(context.libraryFolder);
  if (options.on !== 'slurm' && options.resume === undefined) refuseClusterOptions(options);
  else if (options.on === 'slurm') {
    // Said before anything is recorded.
    slurmOptionsOf(options);
    await requireSlurm();
  }
  const id = options.resume === undefined ? makeSweep(context, library, tasks, options) : sweepToResume(library, options.resume);
  const away = library.sweeps.get(id).place !== null;
  if (options.on === 'slurm' || (away && options.on === undefined)) {
    if (!(await sendAndWait(context, library, id, options))) return;
    await reportOnly(context, [id], options);
    return;
  }
  refuseClusterOptions(options);
  if (away) await bringBack(context, library, id);
  await workOff(context, library, id, options.parallel);
  await report(context, library, [id], options);
}

/** Nothing is written to the library unless results are to be made smaller. */
async function reportOnly(context: CommandContext, ids: readonly string[], options: Options): Promise<void> {
  using library = options.compress === undefined && options.atMost === undefined ? openLibraryForReading(context.libraryFolder) : openLibrary(context.libraryFolder);
  await report(context, library, ids, options);
}

async function report(context: CommandContext, library: Library, ids: readonly string[], { compress, atMost, out, parallel }: Options): Promise<void> {
  const { terminal, signal } = context;
  const ways = [...(compress === undefined ? [] : [{ tolerance: compress }]), ...(atMost === undefined ? [] : [{ tolerance: compress ?? DEFAULT_TOLERANCE, budget: atMost }])];
  for (const way of ways) {
    for (const id of ids) {
      await compressSweep(library, id, {
        ...way,
        parallel,
        onResult: (task, setting, seed) => { terminal.note(`Making smaller: ${task} ${setting}, seed ${String(seed)}`); },
        onProgress: (progress) => { showCompression(terminal, progress); },
        signal,
      });
    }
  }
  if (out !== undefined) {
    const smaller = [...(compress === undefined ? [] : ['--compress', String(compress)]), ...(atMost === undefined ? [] : ['--at-most', typedSize(atMost)])];
    const titles = ids.map((id) => library.sweeps.get(id).title);
    await writeReport(library, ids, { file: resolve(out), title: 'Results', about: `${titles.join('; ')}.`, commands: [['taps sweep --report', ids.join(','), ...smaller, '--out', out].join(' ')], seconds: 0 });
    terminal.note(`Wrote ${resolve(out)}`);
  }
  printReport(context, library, ids);
}

function makeSweep(context: CommandContext, library: Library, tasks: string[], options: Options): string {
  if (tasks.length === 0) throw new TapsError('usage', 'A sweep needs at least one task.', 'Give the names of tasks: taps task list.');
  const methods = [...new Set(options.methods.map((word): MethodId => methodOf(word)))];
  const budgets = (options.budgets ?? []).map((budget) => ({ ...budget, bitsPerWeight: options.bits ?? budget.bitsPerWeight }));
  const lambdas = options.lambdas ?? (budgets.length === 0 && options.path === undefined ? [1] : []);
  const common = givenTrainOptions(options);
  const path = options.path === undefined ? null : (pathConfigOf(library, tasks[0] ?? '', { ...givenOptions(options), levels: options.path }).path ?? null);
  const { entries, notes } = planSweep(library, { tasks, methods, lambdas, budgets, path, seeds: options.seeds, common });
  const { terminal } = context;
  for (const note of notes) terminal.warn(note);
  const same = options.on === 'slurm' ? sameSweep(context, library, entries) : null;
  if (same !== null) return same;
  const sweep = library.sweeps.add(`${tasks.join(', ')}: ${methods.map(wordOfMethod).join(', ')}`, entries);
  terminal.note(`Sweep ${sweep.id}: ${String(entries.length)} runs`);
  return sweep.id;
}

/** Options of a run as they were typed, without those of the sweep. */
function givenOptions({ methods: _methods, resume: _resume, path: _path, ...rest }: Options): Record<string, unknown> {
  return rest;
}

function sweepToResume(library: Library, wanted: string | true): string {
  return wanted === true ? findUnfinishedSweep(library).id : library.sweeps.get(wanted).id;
}

async function workOff(context: CommandContext, library: Library, id: string, parallel: number): Promise<void> {
  const { terminal, signal } = context;
  const displays = new Map<number, TrainingDisplay>();
  let progress = progressOf(library, id);
  try {
    await runSweep(library, id, {
      parallel,
      signal,
      onProgress: (now) => {
        progress = now;
      },
      onEntry: (entry, task) => {
        const label = `${String(progress.done + 1)}/${String(progress.total)} ${task} ${entry.setting}, seed ${String(entry.config.seed)}`;
        terminal.note(label);
        displays.set(entry.position, new TrainingDisplay(terminal, label, entry.config.epochs, entry.config.method === 'taps', true));
      },
      onEvent: (entry, event) => displays.get(entry.position)?.event(event),
    });
  } catch (error) {
    throw withResumeHint(error, commandToType(context, 'sweep', '--resume', id));
  }
}

function printReport({ terminal }: CommandContext, library: Library, ids: readonly string[]): void {
  const reports = ids.map((id) => reportSweep(library, id));
  const texts = reports.map((report) => {
    for (const { task, setting, seed, failure } of report.failures) terminal.warn(`failed: ${task} ${setting}, seed ${String(seed)}: ${failure}`);
    const head = `Sweep ${report.id}: ${String(report.done)} of ${String(report.total)} runs. Mean ± half the 95 % interval over seeds.`;
    return report.rows.length === 0 ? `${head} Nothing finished yet.` : `${sweepTable(report)}\n${head}`;
  });
  terminal.result(texts.join('\n\n'), reports.length === 1 ? reports[0] : reports);
}

function listSweeps({ libraryFolder, terminal }: CommandContext): void {
  using library = openLibraryForReading(libraryFolder);
  const sweeps = library.sweeps.list().map((sweep) => ({ id: sweep.id, title: sweep.title, createdAt: sweep.createdAt, place: sweep.place, ...progressOf(library, sweep.id) }));
  const lines = sweeps.map(({ id, title, createdAt, place, done, failed, total }) => `${id}  ${formatTime(createdAt)}  ${String(done)}/${String(total)}${failed === 0 ? '' : ` (${String(failed)} failed)`}  ${title}${place === null ? '' : '  [slurm]'}`);
  terminal.result(lines.length === 0 ? 'No sweeps yet.' : lines.join('\n'), sweeps);
}
