/** @file `taps task pack|unpack`: one task as a file or folder for another library. */
import { Option, type Command } from 'commander';
import { packTask, unpackTask } from '../../services/adapter.ts';
import { openLibrary, openLibraryForReading } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatBytes, formatPercent } from '../format/units.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';

export function addPackCommands(task: Command): void {
  task
    .command('pack <task> <target>')
    .description('write a learnt task for another library: as one file where <target> ends in .taps, else as an adapter folder (weights, configuration, card)')
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .action((name: string, target: string, options: { method?: string }, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        const { path, config } = await packTask(library, name, target, options.method === undefined ? null : methodOf(options.method));
        terminal.result(`Packed ${config.task_name} to ${path}: ${formatBytes(config.weights_bytes)}, ${config.layers_open} of ${config.layers_total} layers`, { path, config });
      }),
    );
  task
    .command('unpack <source>')
    .description('add the task of a .taps file or an adapter folder; its base must be in the library')
    .option('--name <name>', 'name in this library [default: the name it was packed with]')
    .action((source: string, options: { name?: string }, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using library = openLibrary(libraryFolder);
        const { task: record, delta } = await unpackTask(library, source, options.name);
        terminal.result(`Unpacked ${record.name}: ${record.classNames.length} classes, test accuracy ${formatPercent(delta.testAccuracy)}, ${formatBytes(delta.blob.bytes)}`, { task: record, delta });
      }),
    );
}
