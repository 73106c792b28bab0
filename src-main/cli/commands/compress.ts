/** @file `taps compress`. */
import { Command, Option } from 'commander';
import type { SizeBudget } from '../../contract/budget.ts';
import { DEFAULT_TOLERANCE, ENCODINGS, toleranceSchema, type CompressionReport, type CompressProgress, type Encoding } from '../../contract/compression.ts';
import { TapsError } from '../../contract/errors.ts';
import { ENGINE_IDS, type TrainConfig } from '../../contract/training.ts';
import { compressTask, type CompressTaskOutcome } from '../../services/compress-task.ts';
import { openLibrary } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatTable } from '../format/table.ts';
import { formatBytes, formatCount, formatPercent } from '../format/units.ts';
import { parseBudget } from '../options/budget-options.ts';
import { parseInteger, parseNumber } from '../options/parse.ts';
import { METHOD_CHOICES, methodOf, wordOfMethod } from '../options/train-options.ts';
import { bar, countDisplay } from '../output/progress.ts';
import type { Terminal } from '../output/terminal.ts';
import { smallerBatchLine } from '../output/training-display.ts';

interface Options {
  form: Encoding;
  tolerance: number;
  atMost?: SizeBudget;
  method?: string;
  engine: TrainConfig['engine'];
  threads: number;
}

const STAGES: Record<CompressProgress['stage'], string> = { measuring: 'Measuring what each layer bears', choosing: 'Trying whole files', evaluating: 'Evaluating on the test pictures' };

export function compressCommand(): Command {
  return new Command('compress')
    .argument('<task>')
    .description('store a learnt task in fewer bytes, as a new result beside the old one; forms are chosen on validation pictures, the test pictures are looked at once')
    .addOption(new Option('--form <form>', 'auto: for each layer the form that makes the file smallest within the tolerance; otherwise all layers in this form, whatever it costs').choices(ENCODINGS).default('auto'))
    .option('--tolerance <points>', 'percentage points of validation accuracy that may be lost with auto (0 to 100; 0: nothing may change)', parseNumber, DEFAULT_TOLERANCE)
    .addOption(new Option('--at-most <size>', 'auto: largest size of the file, such as 600kB or 3% of a full copy; of what fits, the nearest to the original, whatever the tolerance').argParser(parseBudget))
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .addOption(new Option('--engine <name>', 'what computes (see taps doctor)').choices(ENGINE_IDS).default('onnxruntime'))
    .option('--threads <count>', 'CPU threads, 0 = all cores', parseInteger, 0)
    .action((taskName: string, options: Options, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal, signal }) => {
        const tolerance = toleranceSchema.safeParse(options.tolerance);
        if (!tolerance.success) throw new TapsError('invalid-config', `--tolerance ${String(options.tolerance)} is not possible (0 to 100).`, 'Give percentage points, such as 0.5.');
        if (options.atMost !== undefined && options.form !== 'auto') throw new TapsError('usage', `--at-most needs forms that can be chosen, and --form ${options.form} leaves no choice.`, 'Leave one of the two out.');
        using library = openLibrary(libraryFolder);
        const outcome = await compressTask(library, {
          task: taskName,
          method: options.method === undefined ? null : methodOf(options.method),
          encoding: options.form,
          tolerance: tolerance.data,
          budget: options.atMost,
          engine: options.engine,
          threads: options.threads,
          onDecoded: countDisplay(terminal, 'Decoding pictures'),
          onProgress: (progress) => {
            showCompression(terminal, progress);
          },
          signal,
        });
        for (const { path, reason } of outcome.quarantined) terminal.warn(`left out: ${path}: ${reason}`);
        for (const recovery of outcome.report.recoveries ?? []) terminal.warn(smallerBatchLine(recovery));
        const told = sizeLine(outcome.report);
        if (told !== null) terminal.warn(told);
        terminal.result(compressionText(outcome), outcome);
      }),
    );
}

/** What a person must know when a size was asked for: it could not be held, or it cost more than the tolerance. */
export function sizeLine({ mostBytes, bytesAfter, tolerance, validationBefore, validationAfter }: CompressionReport): string | null {
  if (mostBytes === undefined) return null;
  if (bytesAfter > mostBytes) return `Even the coarsest forms take ${formatBytes(bytesAfter)}, more than ${formatBytes(mostBytes)}: fewer layers must be open.`;
  const lost = 100 * (validationBefore.accuracy - validationAfter.accuracy);
  return lost > tolerance ? `To hold ${formatBytes(mostBytes)} it lost ${lost.toFixed(1)} points of validation accuracy; the tolerance was ${String(tolerance)}.` : null;
}

export function showCompression(terminal: Terminal, { stage, done, total }: CompressProgress): void {
  terminal.live(`${bar(total === 0 ? 0 : done / total)} ${STAGES[stage]}: ${done}/${total}`);
}

/** What it takes and what it is worth, then the form of each part. */
export function compressionText({ task, from, delta, report, fullCopyBytes }: CompressTaskOutcome): string {
  const lines = [
    `Stored ${task.name} (${wordOfMethod(delta.method)}) in ${formatBytes(report.bytesAfter)} instead of ${formatBytes(report.bytesBefore)}: ${formatPercent(report.bytesAfter / fullCopyBytes)} of a full copy`,
    `Test accuracy ${formatPercent(delta.testAccuracy)} (${report.test.images} pictures), before ${formatPercent(from.testAccuracy)}`,
    `Validation accuracy ${formatPercent(report.validationAfter.accuracy)} (${report.validationAfter.images} pictures), before ${formatPercent(report.validationBefore.accuracy)}; answers differ by ${report.divergence.toPrecision(2)} nats on ${report.pictures} pictures${report.divergenceLimit === null ? '' : ` (at most ${report.divergenceLimit.toPrecision(2)})`}`,
  ];
  const table = formatTable(
    [{ title: 'part', align: 'left' }, { title: 'form', align: 'left' }, { title: 'numbers', align: 'right' }, { title: 'about', align: 'right' }],
    report.parts.map(({ part, form, parameters, bytes }) => [part, form, formatCount(parameters), formatBytes(bytes)]),
  );
  return [...lines, '', table].join('\n');
}
