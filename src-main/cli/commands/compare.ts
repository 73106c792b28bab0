/** @file `taps compare`. */
import { Command } from 'commander';
import { compareTasks } from '../../services/compare-tasks.ts';
import { openLibraryForReading } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { comparisonTable } from '../format/comparison-table.ts';

export function compareCommand(): Command {
  return new Command('compare')
    .argument('[tasks...]', 'all tasks when left out')
    .description('accuracy and cost of every task and method, and of all tasks against full copies')
    .action((tasks: string[], _options: object, command: Command) =>
      runCommand(command, ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        const comparison = compareTasks(library, tasks);
        terminal.result(comparison.rows.length === 0 ? 'Nothing learnt yet. Start with: taps train <task>' : comparisonTable(comparison), comparison);
      }),
    );
}
