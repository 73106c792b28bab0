/** @file `taps train`. */
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import type { RunRecord } from '../../contract/records.ts';
import type { TrainConfig } from '../../contract/training.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { findResumable, trainTask, type TrainTaskOutcome } from '../../services/train-task.ts';
import { commandToType, runCommand, type CommandContext } from '../context.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { addTrainOptions, givenTrainOptions, methodOf, trainConfigOf, wordOfMethod } from '../options/train-options.ts';
import { countDisplay } from '../output/progress.ts';
import { TrainingDisplay } from '../output/training-display.ts';

type Options = Record<string, unknown> & { method: string; resume?: boolean };

export function trainCommand(): Command {
  const command = new Command('train')
    .argument('<task>')
    .description('learn a task. Ctrl-C stops after the current step and keeps a checkpoint; --resume goes on from it');
  return addTrainOptions(command)
    .option('--resume', 'go on with the newest unfinished run of this method, with its own settings')
    .action((taskName: string, options: Options, self: Command) =>
      runCommand(self, async (context) => {
        // A wrong option is said before anything is opened.
        trainConfigOf(methodOf(options.method), options);
        using library = openLibrary(context.libraryFolder);
        const wanted = trainConfigOf(methodOf(options.method), options, library.bases.get(library.tasks.get(taskName).baseId).summary.operators);
        const { config, resume } = options.resume === true ? unfinishedRun(library, taskName, options) : { config: wanted, resume: undefined };
        const label = `${taskName} ${wordOfMethod(config.method)}`;
        const display = new TrainingDisplay(context.terminal, label, config.epochs, config.method === 'taps');
        const started: RunRecord[] = [];
        try {
          const outcome = await trainTask(library, {
            task: taskName,
            config,
            resume,
            signal: context.signal,
            onDecoded: countDisplay(context.terminal, 'Decoding pictures'),
            onRun: (run) => started.push(run),
            onEvent: (event) => {
              display.event(event);
            },
          });
          reportOutcome(context, outcome);
        } catch (error) {
          throw started.length > 0 ? withResumeHint(error, commandToType(context, 'train', taskName, '--method', wordOfMethod(config.method), '--resume')) : error;
        }
      }),
    );
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
  return { config: run.config, resume: run };
}

/** Whatever ended a run, its checkpoint is there to go on from. */
function withResumeHint(error: unknown, command: string): unknown {
  if (!(error instanceof TapsError) || !['cancelled', 'child-crashed', 'out-of-memory', 'disk-full'].includes(error.code)) return error;
  const advice = error.code === 'cancelled' ? `Go on with: ${command}` : `${error.advice} Go on with: ${command}`;
  return new TapsError(error.code, error.message, advice, { cause: error, details: { ...error.details, resumeCommand: command } });
}

function reportOutcome({ terminal }: CommandContext, { task, run, delta, result, quarantined }: TrainTaskOutcome): void {
  for (const { path, reason } of quarantined) terminal.warn(`left out: ${path}: ${reason}`);
  const parts = [
    `test accuracy ${formatPercent(result.test.accuracy)} (${result.test.images} pictures)`,
    `${delta.layersOpen} of ${delta.layersTotal} layers tuned`,
    formatBytes(delta.blob.bytes),
    formatDuration(result.seconds),
  ];
  terminal.result(`Learnt ${task.name} with ${wordOfMethod(delta.method)}: ${parts.join(', ')}`, { task, run, delta, result });
}
