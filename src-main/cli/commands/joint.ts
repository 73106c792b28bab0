/** @file `taps joint`. */
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import type { JointVariant } from '../../contract/joint.ts';
import { jointInputs } from '../../services/joint-inputs.ts';
import { findJointRun, forgetJointRun, getJointRun } from '../../services/joint-runs.ts';
import { resumeJointTraining, startJointTraining, type JointTrainingOptions, type JointTrainingOutcome } from '../../services/joint-training.ts';
import { openLibrary, type Library } from '../../services/open-library.ts';
import { commandToType, runCommand, type CommandContext } from '../context.ts';
import { formatTable } from '../format/table.ts';
import { formatBytes, formatDuration, formatPercent } from '../format/units.ts';
import { addJointOptions, jointConfigOf, requireSameSettings, type JointOptions } from '../options/joint-options.ts';
import { JointDisplay } from '../output/joint-display.ts';
import { countDisplay } from '../output/progress.ts';
import { TrainingDisplay } from '../output/training-display.ts';

export function jointCommand(): Command {
  const command = new Command('joint')
    .argument('<name>', 'of the joint run, and of the base it makes; its tasks will be <task>@<name>')
    .description('learn several tasks together: a base made for them, stored once as a full copy, and TAPS for each on it. Ctrl-C stops after the current step; --resume goes on');
  return addJointOptions(command).action((name: string, options: JointOptions, self: Command) =>
    runCommand(self, async (context) => {
      requireOneWish(options);
      // A wrong option is said before anything is opened.
      if (options.resume !== true) jointConfigOf(options);
      using library = openLibrary(context.libraryFolder);
      if (options.discard === true) {
        await forgetJointRun(library, name);
        context.terminal.result(`Discarded the joint run ${name}`, { discarded: name });
        return;
      }
      try {
        reportOutcome(context, options.resume === true ? await goOn(library, context, name, options) : await start(library, context, name, options));
      } catch (error) {
        throw withResumeHint(error, library, context, name);
      }
    }),
  );
}

function requireOneWish({ resume, discard, tasks }: JointOptions): void {
  if (resume === true && discard === true) throw new TapsError('usage', '--resume and --discard contradict each other.', 'Give one of them.');
  if (resume !== true && discard !== true && tasks === undefined) throw new TapsError('usage', 'A joint run needs tasks.', 'Name them: --tasks a,b,c; or go on with an unfinished run: --resume.');
}

function start(library: Library, context: CommandContext, name: string, options: JointOptions): Promise<JointTrainingOutcome> {
  const { base, tasks } = jointInputs(library, options.tasks ?? []);
  const config = jointConfigOf(options, base.summary.operators);
  const display = displayOf(context, name, tasks.map((task) => task.name), config.variant, config.sharedEpochs ?? config.train.epochs, config.train.epochs);
  return startJointTraining(library, { name, tasks: tasks.map(({ id }) => id), config, ...display });
}

function goOn(library: Library, context: CommandContext, name: string, options: JointOptions): Promise<JointTrainingOutcome> {
  const { config, tasks } = getJointRun(library, name);
  const names = tasks.map((task) => task.name);
  requireSameSettings(options, config, names);
  return resumeJointTraining(library, { name, ...displayOf(context, name, names, config.variant, config.sharedEpochs ?? config.train.epochs, config.train.epochs) });
}

function displayOf({ terminal, signal }: CommandContext, name: string, tasks: readonly string[], variant: JointVariant, jointEpochs: number, taskEpochs: number): Omit<JointTrainingOptions, 'name'> {
  const joint = new JointDisplay(terminal, name, tasks, variant, jointEpochs);
  const single = new Map<string, TrainingDisplay>();
  return {
    signal,
    onDecoded: countDisplay(terminal, 'Decoding pictures'),
    onEvent: (event) => {
      joint.event(event);
    },
    onTaskEvent: (task, event) => {
      const display = single.get(task) ?? new TrainingDisplay(terminal, task, taskEpochs, true);
      single.set(task, display);
      display.event(event);
    },
    onUnreadable: (task, images) => {
      for (const { path, reason } of images) terminal.warn(`left out of ${task}: ${path}: ${reason}`);
    },
  };
}

/** As long as the run is remembered, it can be gone on with. */
function withResumeHint(error: unknown, library: Library, context: CommandContext, name: string): unknown {
  if (!(error instanceof TapsError) || !['cancelled', 'child-crashed', 'out-of-memory', 'disk-full'].includes(error.code)) return error;
  if (findJointRun(library, name) === null) {
    return error.code === 'cancelled' ? new TapsError('cancelled', error.message, 'Nothing was learnt yet; start it again when you are ready.', { cause: error }) : error;
  }
  const command = commandToType(context, 'joint', name, '--resume');
  return new TapsError(error.code, error.message, error.code === 'cancelled' ? `Go on with: ${command}` : `${error.advice} Go on with: ${command}`, { cause: error, details: { ...error.details, resumeCommand: command } });
}

function reportOutcome({ terminal }: CommandContext, { run, base, tasks, joint }: JointTrainingOutcome): void {
  const bytes = { base: base.graph.bytes + base.weights.bytes, tasks: tasks.reduce((sum, { delta }) => sum + delta.blob.bytes, 0) };
  const table = formatTable(
    [{ title: 'task', align: 'left' }, { title: 'test accuracy', align: 'right' }, { title: 'layers tuned', align: 'right' }, { title: 'bytes', align: 'right' }],
    [
      ...tasks.map(({ task, delta }) => [task.name, formatPercent(delta.testAccuracy), `${delta.layersOpen}/${delta.layersTotal}`, formatBytes(delta.blob.bytes)]),
      'rule' as const,
      [`base ${base.name} (a full copy, once)`, '', '', formatBytes(bytes.base)],
      [`base + ${tasks.length} tasks`, '', '', formatBytes(bytes.base + bytes.tasks)],
    ],
  );
  const seconds = joint === null ? '' : ` in ${formatDuration(joint.seconds)}`;
  terminal.result(`Learnt ${tasks.length} tasks jointly (${run.config.variant}${seconds})\n\n${table}`, {
    base,
    tasks,
    bytes: { base: bytes.base, tasks: bytes.tasks, all: bytes.base + bytes.tasks },
    joint: joint === null ? null : { epochs: joint.epochs, bestEpoch: joint.bestEpoch, seconds: joint.seconds, engine: joint.engine, memory: joint.memory, ...(joint.recoveries === undefined ? {} : { recoveries: joint.recoveries }) },
  });
}
