/** @file `taps library verify|stats|gc`. */
import { Command } from 'commander';
import { TapsError } from '../../contract/errors.ts';
import { openLibrary, openLibraryForReading } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatFacts } from '../format/table.ts';
import { formatBytes, formatPercent } from '../format/units.ts';

export function libraryCommand(): Command {
  const library = new Command('library').description('the folder that holds bases, tasks and results');
  library
    .command('verify')
    .description('read and hash everything; exit code 5 when something is damaged')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using opened = openLibraryForReading(libraryFolder);
        const report = await opened.verify();
        if (!report.ok) {
          for (const { message, affected } of report.problems) terminal.warn(`damaged: ${message}${affected.length === 0 ? '' : ` Affected: ${affected.join(', ')}.`}`);
          throw new TapsError('library-damaged', `The library ${libraryFolder} has ${report.problems.length} problem(s).`, 'Restore the named files from a backup, or remove what is affected; the rest is usable.', { details: { ...report } });
        }
        const garbage = report.orphanBlobs.length + report.leftovers.length;
        terminal.result(
          `The library is whole: ${report.blobsChecked} files (${formatBytes(report.bytesChecked)}) and ${report.deltasChecked} results checked` +
            (garbage === 0 ? '' : `\n${garbage} files that nothing refers to (${formatBytes(report.orphanBytes)}); taps library gc removes them`),
          report,
        );
      }),
    );
  library
    .command('stats')
    .description('what the library takes on disk, and what full copies would take')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using opened = openLibraryForReading(libraryFolder);
        const stats = await opened.stats();
        const needed = stats.baseBytes + stats.currentDeltaBytes;
        terminal.result(
          formatFacts([
            ['folder', libraryFolder],
            ['bases', `${stats.bases} (${formatBytes(stats.baseBytes)})`],
            ['tasks', `${stats.tasks} (${formatBytes(stats.currentDeltaBytes)} for their current results)`],
            ['runs', String(stats.runs)],
            ['results', `${stats.deltas} (${formatBytes(stats.deltaBytes)})`],
            ['database', formatBytes(stats.databaseBytes)],
            ['base + tasks', formatBytes(needed)],
            ['full copies', `${formatBytes(stats.fullCopiesBytes)}${stats.fullCopiesBytes === 0 ? '' : `: base + tasks take ${formatPercent(needed / stats.fullCopiesBytes)} of that`}`],
          ]),
          stats,
        );
      }),
    );
  library
    .command('gc')
    .description('remove files that nothing refers to')
    .action((_options: object, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using opened = openLibrary(libraryFolder);
        const report = await opened.collectGarbage();
        terminal.result(`Removed ${report.removedBlobs} files (${formatBytes(report.freedBytes)}), ${report.removedLeftovers} leftovers and ${report.removedDatasets} datasets`, report);
      }),
    );
  return library;
}
