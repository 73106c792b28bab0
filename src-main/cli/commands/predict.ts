/** @file `taps predict`. */
import { Command, Option } from 'commander';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { openLibrary } from '../../services/open-library.ts';
import { predict, type Prediction } from '../../services/predict.ts';
import { runCommand } from '../context.ts';
import { formatTable } from '../format/table.ts';
import { formatPercent } from '../format/units.ts';
import { parseInteger } from '../options/parse.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';

interface Options {
  method?: string;
  top: number;
  engine: TrainConfig['engine'];
  threads: number;
}

export function predictCommand(): Command {
  return new Command('predict')
    .argument('<task>')
    .argument('<image...>')
    .description('name the class of pictures')
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .option('--top <count>', 'classes shown per picture', parseInteger, 3)
    .addOption(new Option('--engine <name>', 'what computes (see taps doctor)').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((task: string, images: string[], options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibrary(libraryFolder, { readOnly: true });
        const method = options.method === undefined ? null : methodOf(options.method);
        const outcome = await predict(library, { task, images, method, engine: options.engine, threads: options.threads, signal });
        for (const { path, reason } of outcome.unreadable) terminal.warn(`left out: ${path}: ${reason}`);
        terminal.result(predictionTable(outcome.predictions, options.top), {
          ...outcome,
          predictions: outcome.predictions.map(({ image, scores }) => ({ image, scores: scores.slice(0, options.top) })),
        });
      }),
    );
}

function predictionTable(predictions: readonly Prediction[], top: number): string {
  return formatTable(
    [{ title: 'picture', align: 'left' }, { title: 'class', align: 'left' }, { title: 'probability', align: 'right' }],
    predictions.flatMap(({ image, scores }) => scores.slice(0, top).map(({ className, probability }, rank) => [rank === 0 ? image : '', className, formatPercent(probability)])),
  );
}
