/** @file `taps train`. */
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import type { RunRecord } from '../../contract/records.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { describeBudget } from '../../services/ask-budget.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { findResumable, type TrainTaskOutcome } from '../../services/train-task.ts';
import { runCommand, type CommandContext } from '../context.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { addBudgetOptions, budgetOf } from '../options/budget-options.ts';
import { addTrainOptions, givenTrainOptions, methodOf, trainConfigOf, wordOfMethod } from '../options/train-options.ts';
import { sizeLine } from './compress.ts';
import { learn } from './learn.ts';
import { learnPath, pathConfigOf } from './path.ts';

type Options = Record<string, unknown> & { method: string; resume?: boolean; within?: number } & Parameters<typeof budgetOf>[0];

export function trainCommand(): Command {
  const command = new Command('train')
    .argument('<task>')
    .description('learn a task. Ctrl-C stops after the current step and keeps a checkpoint; --resume goes on from it');
  return addBudgetOptions(addTrainOptions(command))
    .option('--resume', 'go on with the newest unfinished run of this method, with its own settings')
    .action((taskName: string, options: Options, self: Command) =>
      runCommand(self, async (context) => {
        // A wrong option is said before anything is opened.
        trainConfigOf(methodOf(options.method), options);
        const budget = budgetFor(options);
        using library = openLibrary(context.libraryFolder);
        if (options.within !== undefined && options.resume !== true) {
          await learnPath(context, library, taskName, pathConfigOf(library, taskName, options), undefined, ['path', taskName, '--resume']);
          return;
        }
        const plain = trainConfigOf(methodOf(options.method), options, library.bases.get(library.tasks.get(taskName).baseId).summary.operators);
        const wanted = budget === undefined ? plain : { ...plain, budget };
        const { config, resume } = options.resume === true ? unfinishedRun(library, taskName, options) : { config: wanted, resume: undefined };
        const label = `${taskName} ${wordOfMethod(config.method)}`;
        reportOutcome(context, await learn(context, library, { task: taskName, config, resume, label, again: ['train', taskName, '--method', wordOfMethod(config.method), '--resume'] }));
      }),
    );
}

/** The budget of bytes that was asked for. @throws TapsError `usage` for a method without gates */
function budgetFor(options: Options): ReturnType<typeof budgetOf> {
  const budget = budgetOf(options);
  if ((budget !== undefined || options.within !== undefined) && methodOf(options.method) !== 'taps') {
    throw new TapsError('usage', `--${budget === undefined ? 'within' : 'budget'} needs gates, and ${options.method} has none.`, options.method === 'layers' ? 'Use --pattern-share or --pattern-bytes for fixed layers.' : 'Leave the option out, or learn with taps.');
  }
  return budget;
}

/** The run to go on with; options on the command line must not contradict it. */
function unfinishedRun(library: Library, taskName: string, options: Options): { config: TrainConfig; resume: RunRecord } {
  const run = findResumable(library, taskName, methodOf(options.method));
  for (const [key, value] of Object.entries(givenTrainOptions(options))) {
    const old = run.config[key as keyof TrainConfig];
    if (JSON.stringify(old) !== JSON.stringify(value)) {
      throw new TapsError('run-incompatible', `The unfinished run has ${key} ${JSON.stringify(old)}, not ${JSON.stringify(value)}.`, 'Leave the option out to go on with that run, or leave --resume out to start a new one.');
    }
  }
  const budget = budgetFor(options);
  if (budget !== undefined && JSON.stringify(budget) !== JSON.stringify(run.config.budget)) {
    const old = run.config.budget === undefined ? 'no budget' : `a budget of ${describeBudget(run.config.budget)}`;
    throw new TapsError('run-incompatible', `The unfinished run has ${old}, not of ${describeBudget(budget)}.`, 'Leave --budget out to go on with that run, or leave --resume out to start a new one.');
  }
  return { config: run.config, resume: run };
}

/** How a budget was used; that it did not bind is said. */
function budgetLines(budget: TrainTaskOutcome['result']['budget']): string[] {
  if (budget === undefined) return [];
  const { bytes, limitBytes, mostBytes, lambda } = budget;
  if (mostBytes <= limitBytes) return [`The budget of ${formatBytes(limitBytes)} allows every layer (${formatBytes(mostBytes)}): nothing had to be closed.`];
  return [`Budget: ${formatBytes(bytes)} of ${formatBytes(limitBytes)} (${formatPercent(bytes / limitBytes)}), λ went to ${String(Number(lambda.toPrecision(3)))}`];
}

function reportOutcome({ terminal }: CommandContext, { task, run, delta, smaller, result, quarantined }: TrainTaskOutcome): void {
  for (const { path, reason } of quarantined) terminal.warn(`left out: ${path}: ${reason}`);
  for (const line of budgetLines(result.budget)) terminal.note(line);
  const parts = [
    `test accuracy ${formatPercent(result.test.accuracy)} (${result.test.images} pictures)`,
    `${delta.layersOpen} of ${delta.layersTotal} layers tuned`,
    formatBytes(delta.blob.bytes),
    formatDuration(result.seconds),
  ];
  if (smaller !== undefined && 'code' in smaller) terminal.warn(`There is no smaller form: ${smaller.message} Make one with: taps compress ${task.name}`);
  const told = smaller === undefined || 'code' in smaller || smaller.compression === null ? null : sizeLine(smaller.compression);
  if (told !== null) terminal.warn(told);
  const stored = smaller === undefined || 'code' in smaller ? '' : `\nStored in ${formatBytes(smaller.blob.bytes)} too: test accuracy ${formatPercent(smaller.testAccuracy)}`;
  terminal.result(`Learnt ${task.name} with ${wordOfMethod(delta.method)}: ${parts.join(', ')}${stored}`, { task, run, delta, result, ...(smaller === undefined ? {} : { smaller }) });
}
