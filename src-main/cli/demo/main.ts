/** @file Entry of `npm run demo`. */
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Command } from 'commander';
import { libraryFolderOf, runCommand, type GlobalOptions } from '../context.ts';
import { runDemo } from './demo.ts';

const RESOURCES = join(import.meta.dirname, '..', '..', '..', 'resources');

const program = new Command('demo')
  .description('imports the embedded base, learns two tasks with TAPS, full fine-tuning and a linear probe, compares them, exports one and proves it')
  .option('--library <folder>', 'library to work on [default: a new one in the temporary folder]')
  .option('--json', 'end with one JSON line on standard output')
  .option('--quiet', 'no progress')
  .action((_options: object, command: Command) =>
    runCommand(command, async ({ terminal, signal }) => {
      const { library } = command.opts<GlobalOptions>();
      const libraryFolder = library === undefined ? join(mkdtempSync(join(tmpdir(), 'taps-demo-')), 'library') : libraryFolderOf(library);
      const { report, text } = await runDemo({ libraryFolder, resources: RESOURCES, terminal, signal });
      if (terminal.json) terminal.note(text);
      terminal.result(`\n${text}\nLook around: npx taps compare --library ${libraryFolder}`, report);
    }),
  );

await program.parseAsync();
