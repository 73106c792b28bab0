/** @file The command line: global options, commands, and what happens to a wrong one. */
import { Command, CommanderError } from 'commander';
import { TapsError } from '../contract/errors.ts';
import { programVersion } from '../services/version.ts';
import { adoptCommand } from './commands/adopt.ts';
import { baseCommand } from './commands/base.ts';
import { clusterJobCommand } from './commands/cluster-job.ts';
import { compareCommand } from './commands/compare.ts';
import { compressCommand } from './commands/compress.ts';
import { doctorCommand } from './commands/doctor.ts';
import { exportCommand } from './commands/export.ts';
import { jointCommand } from './commands/joint.ts';
import { libraryCommand } from './commands/library.ts';
import { pathCommand } from './commands/path.ts';
import { predictCommand } from './commands/predict.ts';
import { taskCommand } from './commands/task.ts';
import { studioCommand } from './commands/studio.ts';
import { sweepCommand } from './commands/sweep.ts';
import { tallCommand } from './commands/tall.ts';
import { trainCommand } from './commands/train.ts';
import { reportError } from './output/report-error.ts';
import { Terminal } from './output/terminal.ts';

const EXIT_CODES = `
Exit codes: 0 done, 2 wrong usage, 3 not found or in conflict, 4 bad input, 5 environment, 130 cancelled, 1 other`;

export function buildProgram(): Command {
  const program = new Command('taps')
    .description('Learn many image tasks on one pretrained network by changing only the layers each task needs.')
    .version(programVersion())
    .option('--library <folder>', 'library to work on [default: $TAPS_LIBRARY, else ~/TAPS Studio/library]')
    .option('--device <gpu>', 'GPU for the engines webgpu and tensorflow [default: $TAPS_DEVICE, else their own choice]')
    .option('--json', 'results as one JSON document on standard output, errors as one on standard error')
    .option('--quiet', 'no progress and no notes')
    .addHelpText('after', EXIT_CODES);
  for (const command of [baseCommand(), taskCommand(), trainCommand(), jointCommand(), pathCommand(), sweepCommand(), compareCommand(), compressCommand(), tallCommand(), adoptCommand(), predictCommand(), exportCommand(), libraryCommand(), doctorCommand(), studioCommand()]) {
    program.addCommand(command);
  }
  // Started by job scripts.
  program.addCommand(clusterJobCommand(), { hidden: true });
  forEachCommand(program, (command) => {
    command.exitOverride().configureHelp({ showGlobalOptions: true }).showSuggestionAfterError(true);
    // Errors are printed once, by runProgram, in this program's own shape.
    command.configureOutput({ outputError: () => undefined });
  });
  return program;
}

function forEachCommand(command: Command, visit: (command: Command) => void): void {
  visit(command);
  for (const child of command.commands) forEachCommand(child, visit);
}

/**
 * Runs one command line; sets process.exitCode.
 * @param argv words after the program's name
 */
export async function runProgram(argv: readonly string[]): Promise<void> {
  const program = buildProgram();
  try {
    await program.parseAsync([...argv], { from: 'user' });
  } catch (error) {
    const terminal = new Terminal({ json: argv.includes('--json'), quiet: false });
    if (!(error instanceof CommanderError)) process.exitCode = reportError(error, terminal);
    else if (error.code === 'commander.help') process.exitCode = 2;
    else if (error.exitCode !== 0) process.exitCode = reportError(usageError(error, argv), terminal);
  }
}

function usageError(error: CommanderError, argv: readonly string[]): TapsError {
  const message = error.message.replace(/^error: /, '').replaceAll('\n', ' ');
  const grouped = ['base', 'task', 'library'].includes(argv[0] ?? '');
  const command = error.code === 'commander.unknownCommand' ? argv.slice(0, grouped ? 1 : 0) : argv.filter((word) => /^[a-z]+$/.test(word)).slice(0, grouped ? 2 : 1);
  return new TapsError('usage', `${message.charAt(0).toUpperCase()}${message.slice(1)}${/[.?)]$/.test(message) ? '' : '.'}`, `See ${['taps', ...command, '--help'].join(' ')}.`);
}
