/** @file `taps adopt`. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { openLibrary, openLibraryForReading } from '../../services/open-library.ts';
import { adoptResult, taskResults, type Adoption } from '../../services/task-results.ts';
import { runCommand } from '../context.ts';
import { resultsTable } from '../format/sweep-table.ts';
import { formatBytes, formatPercent } from '../format/units.ts';
import { parseInteger, parseNumber } from '../options/parse.ts';

interface Options {
  result?: string;
  level?: number;
  prefer?: number;
}

function parsePreference(text: string): number {
  const value = parseNumber(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError(`'${text}' is not from 0 to 1.`);
  return value;
}

export function adoptCommand(): Command {
  return new Command('adopt')
    .argument('<task>')
    .description('choose which stored result of a task predictions and exports take; without an option, list the results')
    .addOption(new Option('--result <id>', 'this one').conflicts(['level', 'prefer']))
    .addOption(new Option('--level <n>', 'this level of the newest path, from 0').argParser(parseInteger).conflicts('prefer'))
    .addOption(new Option('--prefer <k>', 'by what bytes are worth against validation accuracy: 0 the most accurate, 1 the smallest (weighted Chebyshev)').argParser(parsePreference))
    .action((taskName: string, options: Options, self: Command) =>
      runCommand(self, ({ libraryFolder, terminal }) => {
        const adoption = adoptionOf(options);
        if (adoption === null) {
          using library = openLibraryForReading(libraryFolder);
          const { task, results } = taskResults(library, taskName);
          if (results.length === 0) throw new TapsError('not-found', `Task ${JSON.stringify(task.name)} has not been learnt yet.`, `Learn it first: taps train ${task.name}.`);
          terminal.result(resultsTable(results), { task, results });
          return;
        }
        using library = openLibrary(libraryFolder);
        const { task, result } = adoptResult(library, taskName, adoption);
        const what = [result.delta.method, result.setting].filter((part) => part !== '').join(', ');
        terminal.result(`${task.name} now is ${result.delta.id}: ${what}, ${formatBytes(result.bytes)}, validation ${formatPercent(result.validation)}`, { task, result });
      }),
    );
}

function adoptionOf({ result, level, prefer }: Options): Adoption | null {
  if (result !== undefined) return { kind: 'result', deltaId: result };
  if (level !== undefined) return { kind: 'level', level };
  return prefer === undefined ? null : { kind: 'preference', preference: prefer };
}
