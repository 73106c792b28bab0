/** @file `taps export`. */
import { Command, Option } from 'commander';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { exportTask, PARITY_MAX_LOGIT_DIFFERENCE } from '../../services/export-task.ts';
import { openLibrary } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatBytes, formatPercent } from '../format/units.ts';
import { parseInteger } from '../options/parse.ts';
import { countDisplay } from '../output/progress.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';

interface Options {
  format: 'onnx';
  out: string;
  overwrite?: boolean;
  method?: string;
  engine: TrainConfig['engine'];
  threads: number;
}

export function exportCommand(): Command {
  return new Command('export')
    .argument('<task>')
    .description(`write base and task as one model file, proven in a fresh process on the test pictures (logits within ${PARITY_MAX_LOGIT_DIFFERENCE}, same first class for all)`)
    .addOption(new Option('--format <format>', 'kind of file').choices(['onnx']).default('onnx'))
    .requiredOption('--out <file>', 'file to write, such as flowers.onnx')
    .option('--overwrite', 'replace the file if it exists')
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .addOption(new Option('--engine <name>', 'what computes the answers to compare with').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((task: string, options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibrary(libraryFolder, { readOnly: true });
        const { path, bytes, parity, ...rest } = await exportTask(library, {
          task,
          out: options.out,
          overwrite: options.overwrite === true,
          method: options.method === undefined ? null : methodOf(options.method),
          engine: options.engine,
          threads: options.threads,
          onDecoded: countDisplay(terminal, 'Decoding pictures'),
          signal,
        });
        terminal.result(
          `Exported ${rest.task} to ${path} (${formatBytes(bytes)})\nProven on ${parity.images} test pictures in a fresh process: largest logit difference ${parity.maxAbsLogitDiff.toExponential(1)}, same first class ${formatPercent(parity.top1Agreement)}`,
          { ...rest, path, bytes, parity },
        );
      }),
    );
}
