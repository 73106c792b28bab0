/** @file `taps path`. */
import { Command, Option } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import type { PathPlan } from '../../contract/budget.ts';
import type { RunRecord, TaskRecord } from '../../contract/records.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { accuracyBudget, defaultPathRange, pathPlan, sizesPlan } from '../../services/ask-budget.ts';
import { fullCopyBytes } from '../../services/compare-tasks.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { canResume, type TrainTaskOutcome } from '../../services/train-task.ts';
import { runCommand, type CommandContext } from '../context.ts';
import { pathTable } from '../format/sweep-table.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { parsePoints } from '../options/budget-options.ts';
import { parseInteger, parseNumber } from '../options/parse.ts';
import { addTrainOptions, trainConfigOf } from '../options/train-options.ts';
import { learn } from './learn.ts';

export interface PathOptions extends Record<string, unknown> {
  levels?: number;
  from?: number;
  to?: number;
  within?: number;
  resume?: boolean;
}

const DEFAULT_LEVELS = 8;

export function pathCommand(): Command {
  const command = new Command('path')
    .argument('<task>')
    .description('learn a task once and keep a result for every size from all layers to none: the whole curve of accuracy over bytes for about one and a half runs')
    .addOption(new Option('--levels <count>', `results on the way (2 to 64) [default: ${String(DEFAULT_LEVELS)}]`).argParser(parseInteger))
    .addOption(new Option('--from <lambda>', 'levels by λ instead of sizes: of the first [default: fits learning rate and length]').argParser(parseNumber))
    .addOption(new Option('--to <lambda>', 'levels by λ instead of sizes: of the last [default: fits learning rate and length]').argParser(parseNumber))
    .addOption(new Option('--within <points>', 'show the smallest level at most so many points below full fine-tuning [default: the most accurate]').argParser(parsePoints))
    .option('--resume', 'go on with the newest unfinished path, with its own settings');
  return addTrainOptions(command, ['method', 'lambda', 'warmup', 'fast']).action((taskName: string, options: PathOptions, self: Command) =>
    runCommand(self, async (context) => {
      using library = openLibrary(context.libraryFolder);
      const resume = options.resume === true ? unfinishedPath(library, taskName) : undefined;
      await learnPath(context, library, taskName, resume?.config ?? pathConfigOf(library, taskName, options), resume, ['path', taskName, '--resume']);
    }),
  );
}

/** @throws TapsError `invalid-config`, `not-found` */
export function pathConfigOf(library: Library, taskName: string, options: PathOptions): TrainConfig {
  const task = library.tasks.get(taskName);
  const { operators, gatedLayers } = library.bases.get(task.baseId).summary;
  const config = trainConfigOf('taps', options, operators);
  return { ...config, path: planOf(library, task, config, gatedLayers, options), ...(options.within === undefined ? {} : { budget: accuracyBudget(library, taskName, options.within) }) };
}

/** Sizes, unless a person wants λ. */
function planOf(library: Library, task: TaskRecord, config: TrainConfig, gatedLayers: number, { levels = DEFAULT_LEVELS, from, to }: PathOptions): PathPlan {
  if (from === undefined && to === undefined) return sizesPlan(levels);
  const { images } = library.datasets.get(task.datasetId).manifest;
  const steps = Math.max(1, Math.floor(images.filter(({ split }) => split === 'train').length / (config.batchSize * config.accumulate)));
  const fitting = defaultPathRange(config, gatedLayers, steps, levels);
  return pathPlan(levels, { from: from ?? fitting.from, to: to ?? Math.max(fitting.to, 2 * (from ?? 0)) });
}

function unfinishedPath(library: Library, taskName: string): RunRecord {
  const task = library.tasks.get(taskName);
  const head = library.runs.heads({ taskId: task.id }).find((run) => run.config.path !== undefined && canResume(run));
  if (head === undefined) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has no unfinished path.`, `Start one: taps path ${task.name}.`);
  return library.runs.get(head.id);
}

/** Learns and prints the curve. @param again words that go on with the run when it is stopped */
export async function learnPath(context: CommandContext, library: Library, taskName: string, config: TrainConfig, resume: RunRecord | undefined, again: string[]): Promise<void> {
  reportPath(context, library, await learn(context, library, { task: taskName, config, resume, label: `${taskName} path`, again }));
}

function reportPath({ terminal }: CommandContext, library: Library, { task, run, delta, result, quarantined }: TrainTaskOutcome): void {
  for (const { path, reason } of quarantined) terminal.warn(`left out: ${path}: ${reason}`);
  const fullBytes = fullCopyBytes(library.bases.get(task.baseId), task.classNames.length);
  const { budget } = run.config;
  if (budget?.kind === 'accuracy' && result.validation.accuracy < budget.reference - budget.points / 100 - 1e-9) {
    terminal.warn(`No level is within ${String(budget.points)} points of full fine-tuning (${formatPercent(budget.reference)} on validation); the most accurate one is shown. Try more epochs, or a weaker first level with --from.`);
  }
  const chosen = `${task.name} now is level ${String(result.chosenLevel ?? 0)}: validation ${formatPercent(result.validation.accuracy)}, ${formatBytes(delta.blob.bytes)}, in ${formatDuration(result.seconds)}. Another one: taps adopt ${task.name} --level <n>`;
  terminal.result(`${pathTable(result.levels ?? [], result.chosenLevel, fullBytes, delta.layersTotal)}\n${chosen}`, { task, run, delta, result, deltas: library.deltas.listOfRun(run.id) });
}
