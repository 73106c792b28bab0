/** @file `taps export`. */
import { Command, Option } from 'commander';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { exportTask, exportTasks, PARITY_MAX_LOGIT_DIFFERENCE, type ExportOutcome } from '../../services/export-task.ts';
import { openLibrary } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { sharingLines } from '../format/sharing.ts';
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
    .argument('<task...>', 'one task, or several of one base: the file then computes once what they have in common')
    .description(`write base and task as one model file, proven in a fresh process on the test pictures (logits within ${PARITY_MAX_LOGIT_DIFFERENCE}, same first class for all)`)
    .addOption(new Option('--format <format>', 'kind of file').choices(['onnx']).default('onnx'))
    .requiredOption('--out <file>', 'file to write, such as flowers.onnx')
    .option('--overwrite', 'replace the file if it exists')
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .addOption(new Option('--engine <name>', 'what computes the answers to compare with').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((tasks: string[], options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibrary(libraryFolder, { readOnly: true });
        const settings = {
          out: options.out,
          overwrite: options.overwrite === true,
          method: options.method === undefined ? null : methodOf(options.method),
          engine: options.engine,
          threads: options.threads,
          onDecoded: countDisplay(terminal, 'Decoding pictures'),
          signal,
        };
        const [task = ''] = tasks;
        if (tasks.length === 1) {
          const { path, bytes, parity, ...rest } = await exportTask(library, { ...settings, task });
          terminal.result(`Exported ${rest.task} to ${path} (${formatBytes(bytes)})\n${proofOf('', parity)}`, { ...rest, path, bytes, parity });
          return;
        }
        const outcome = await exportTasks(library, { ...settings, tasks });
        const { path, bytes, nodes } = outcome;
        terminal.result(
          [
            `Exported ${tasks.join(', ')} to ${path} (${formatBytes(bytes)}); ${nodes.combined} operators instead of ${nodes.separate}: the common part is computed once`,
            ...(outcome.sharing === null ? [] : sharingLines(outcome.sharing)),
            ...outcome.tasks.map(({ output, parity }) => proofOf(`${output}: `, parity)),
          ].join('\n'),
          outcome,
        );
      }),
    );
}

function proofOf(prefix: string, { images, maxAbsLogitDiff, top1Agreement }: ExportOutcome['parity']): string {
  return `${prefix}${prefix === '' ? 'Proven' : 'proven'} on ${images} test pictures in a fresh process: largest logit difference ${maxAbsLogitDiff.toExponential(1)}, same first class ${formatPercent(top1Agreement)}`;
}
