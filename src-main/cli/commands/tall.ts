/** @file `taps tall`. */
import { Command, Option } from 'commander';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { openLibraryForReading } from '../../services/open-library.ts';
import { tallMasks, type TallMasksOutcome } from '../../services/tall-masks.ts';
import { runCommand } from '../context.ts';
import { formatTable, type Row } from '../format/table.ts';
import { formatBytes, formatPercent } from '../format/units.ts';
import { parseInteger } from '../options/parse.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';
import { countDisplay } from '../output/progress.ts';
import { smallerBatchLine } from '../output/training-display.ts';

interface Options {
  method: string;
  out?: string;
  engine: TrainConfig['engine'];
  threads: number;
}

export function tallCommand(): Command {
  return new Command('tall')
    .argument('<tasks...>', 'at least two tasks of one base')
    .description('what the tasks would take and be worth with TALL masks: one vector for all and a bit per weight and task. For comparison; the library stays as it is')
    .addOption(new Option('--method <method>', 'results of this method').choices(METHOD_CHOICES).default('full'))
    .option('--out <folder>', 'new folder that keeps the files [default: they are measured and removed]')
    .addOption(new Option('--engine <name>', 'what computes (see taps doctor)').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((tasks: string[], options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        using library = openLibraryForReading(libraryFolder);
        const outcome = await tallMasks(library, {
          tasks,
          method: methodOf(options.method),
          out: options.out ?? null,
          engine: options.engine,
          threads: options.threads,
          onDecoded: countDisplay(terminal, 'Decoding pictures'),
          signal,
        });
        for (const recovery of outcome.recoveries ?? []) terminal.warn(smallerBatchLine(recovery));
        terminal.result(tallTable(outcome), outcome);
      }),
    );
}

/** A row per task, then the shared vector and everything together against full copies. */
export function tallTable({ tasks, sharedBytes, baseBytes }: TallMasksOutcome): string {
  const rows: Row[] = tasks.map(({ name, lambda, density, test, testAccuracyBefore, bytes, fullCopyBytes }) => [name, lambda.toFixed(1), formatPercent(density), formatPercent(testAccuracyBefore), formatPercent(test.images === 0 ? null : test.accuracy), formatBytes(bytes), formatPercent(bytes / fullCopyBytes)]);
  const copies = tasks.reduce((sum, { fullCopyBytes }) => sum + fullCopyBytes, 0);
  const own = tasks.reduce((sum, { bytes }) => sum + bytes, 0);
  const all = sharedBytes + own;
  return formatTable(
    [{ title: 'task', align: 'left' }, { title: 'λ', align: 'right' }, { title: 'weights used', align: 'right' }, { title: 'test before', align: 'right' }, { title: 'test', align: 'right' }, { title: 'bytes', align: 'right' }, { title: 'of full copies', align: 'right' }],
    [
      ...rows,
      'rule',
      ['shared vector', '', '', '', '', formatBytes(sharedBytes), formatPercent(sharedBytes / copies)],
      [`vector + ${tasks.length} tasks`, '', '', '', '', formatBytes(all), formatPercent(all / copies)],
      [`base + vector + ${tasks.length} tasks`, '', '', '', '', formatBytes(baseBytes + all), formatPercent((baseBytes + all) / copies)],
    ],
  );
}
