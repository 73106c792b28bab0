/** @file `taps predict`. */
import { Command, Option } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { openLibrary } from '../../services/open-library.ts';
import { predict, type ClassScore, type Prediction } from '../../services/predict.ts';
import { predictTasks } from '../../services/predict-tasks.ts';
import { runCommand, type CommandContext } from '../context.ts';
import { sharingLines } from '../format/sharing.ts';
import { formatTable } from '../format/table.ts';
import { formatPercent } from '../format/units.ts';
import { parseInteger, parseNames } from '../options/parse.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';
import { smallerBatchLine } from '../output/training-display.ts';

interface Options {
  tasks?: string[];
  method?: string;
  top: number;
  engine: TrainConfig['engine'];
  threads: number;
}

export function predictCommand(): Command {
  return new Command('predict')
    .usage('[options] <task> <image...>\n       taps predict [options] --tasks <names> <image...>')
    .argument('[task]')
    .argument('[image...]')
    .description('name the class of pictures')
    .addOption(new Option('--tasks <names>', 'ask several tasks of one base, with commas between: what they have in common is computed once').argParser(parseNames))
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .option('--top <count>', 'classes shown per picture', parseInteger, 3)
    .addOption(new Option('--engine <name>', 'what computes (see taps doctor)').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((first: string | undefined, others: string[], options: Options, command: Command) =>
      runCommand(command, (context) => {
        if (options.tasks !== undefined) return askSeveral(context, options.tasks, first === undefined ? [] : [first, ...others], options);
        if (first === undefined) throw new TapsError('usage', 'No task was named.', 'Name a task and pictures: taps predict <task> <image…>, or several tasks with --tasks.');
        return askOne(context, first, others, options);
      }),
    );
}

async function askOne({ libraryFolder, terminal, signal }: CommandContext, task: string, images: string[], options: Options): Promise<void> {
  using library = openLibrary(libraryFolder, { readOnly: true });
  const outcome = await predict(library, { task, images, ...settingsOf(options), signal });
  for (const { path, reason } of outcome.unreadable) terminal.warn(`left out: ${path}: ${reason}`);
  for (const recovery of outcome.recoveries ?? []) terminal.warn(smallerBatchLine(recovery));
  terminal.result(predictionTable(outcome.predictions, options.top), {
    ...outcome,
    predictions: outcome.predictions.map(({ image, scores }) => ({ image, scores: scores.slice(0, options.top) })),
  });
}

async function askSeveral({ libraryFolder, terminal, signal }: CommandContext, tasks: string[], images: string[], options: Options): Promise<void> {
  using library = openLibrary(libraryFolder, { readOnly: true });
  const outcome = await predictTasks(library, { tasks, images, ...settingsOf(options), signal });
  for (const { path, reason } of outcome.unreadable) terminal.warn(`left out: ${path}: ${reason}`);
  for (const recovery of outcome.recoveries ?? []) terminal.warn(smallerBatchLine(recovery));
  const predictions = outcome.predictions.map(({ image, answers }) => ({ image, answers: answers.map(({ task, scores }) => ({ task, scores: scores.slice(0, options.top) })) }));
  const table = formatTable(
    [{ title: 'picture', align: 'left' }, { title: 'task', align: 'left' }, { title: 'class', align: 'left' }, { title: 'probability', align: 'right' }],
    predictions.flatMap(({ image, answers }) => answers.flatMap(({ task, scores }, place) => rows(scores, [place === 0 ? image : '', task]))),
  );
  terminal.result([table, '', ...sharingLines(outcome.sharing)].join('\n'), { ...outcome, predictions });
}

function settingsOf({ method, engine, threads }: Options): { method: ReturnType<typeof methodOf> | null; engine: TrainConfig['engine']; threads: number } {
  return { method: method === undefined ? null : methodOf(method), engine, threads };
}

/** `first` stands in the first line only. */
function rows(scores: readonly ClassScore[], first: readonly string[]): string[][] {
  return scores.map(({ className, probability }, rank) => [...(rank === 0 ? first : first.map(() => '')), className, formatPercent(probability)]);
}

function predictionTable(predictions: readonly Prediction[], top: number): string {
  return formatTable(
    [{ title: 'picture', align: 'left' }, { title: 'class', align: 'left' }, { title: 'probability', align: 'right' }],
    predictions.flatMap(({ image, scores }) => rows(scores.slice(0, top), [image])),
  );
}
