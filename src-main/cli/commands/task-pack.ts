/** @file `taps task pack|unpack`: one task as a folder for another library. */
import { Option, type Command } from 'commander';
import { packTask, unpackTask } from '../../services/adapter.ts';
import { openLibrary, openLibraryForReading } from '../../services/open-library.ts';
import { runCommand } from '../context.ts';
import { formatBytes, formatPercent } from '../format/units.ts';
import { METHOD_CHOICES, methodOf } from '../options/train-options.ts';

export function addPackCommands(task: Command): void {
  task
    .command('pack <task> <folder>')
    .description('write a learnt task as a portable adapter folder (weights, configuration, card)')
    .addOption(new Option('--method <method>', 'result of this method [default: the current result]').choices(METHOD_CHOICES))
    .action((name: string, folder: string, options: { method?: string }, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using library = openLibraryForReading(libraryFolder);
        const { path, config } = await packTask(library, name, folder, options.method === undefined ? null : methodOf(options.method));
        terminal.result(`Packed ${config.task_name} to ${path}: ${formatBytes(config.weights_bytes)}, ${config.layers_open} of ${config.layers_total} layers`, { path, config });
      }),
    );
  task
    .command('unpack <folder>')
    .description('add the task of an adapter folder; its base must be in the library')
    .option('--name <name>', 'name in this library [default: the name it was packed with]')
    .action((folder: string, options: { name?: string }, command: Command) =>
      runCommand(command, async ({ libraryFolder, terminal }) => {
        using library = openLibrary(libraryFolder);
        const { task: record, delta } = await unpackTask(library, folder, options.name);
        terminal.result(`Unpacked ${record.name}: ${record.classNames.length} classes, test accuracy ${formatPercent(delta.testAccuracy)}, ${formatBytes(delta.blob.bytes)}`, { task: record, delta });
      }),
    );
}
