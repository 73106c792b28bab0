/** @file What every command gets: where the library is, where to print, and when to stop. */
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Command } from 'commander';
import { TapsError } from '../contract/errors.ts';
import { listenForInterrupts } from './output/interrupt.ts';
import { reportError } from './output/report-error.ts';
import { Terminal } from './output/terminal.ts';

export interface GlobalOptions {
  library?: string;
  json?: boolean;
  quiet?: boolean;
  device?: string;
}

export interface CommandContext {
  /** Absolute folder of the library; it need not exist. */
  libraryFolder: string;
  /** As on the command line: commands that are printed for a person to type must repeat it. */
  libraryOption: string | undefined;
  terminal: Terminal;
  signal: AbortSignal;
}

/** `--library`, else $TAPS_LIBRARY, else ~/TAPS Studio/library. */
export function libraryFolderOf(option: string | undefined, env: NodeJS.ProcessEnv = process.env): string {
  const chosen = option ?? env['TAPS_LIBRARY'];
  return chosen === undefined || chosen === '' ? join(homedir(), 'TAPS Studio', 'library') : resolve(chosen);
}

/**
 * Runs the work of a command with its context; a failure is reported here and becomes the exit code.
 * Every action of the command line goes through this function.
 */
export async function runCommand(command: Command, work: (context: CommandContext) => void | Promise<void>): Promise<void> {
  const options = command.optsWithGlobals<GlobalOptions>();
  const terminal = new Terminal({ json: options.json === true, quiet: options.quiet === true });
  using interrupts = listenForInterrupts(terminal);
  try {
    if (options.device !== undefined) giveDevice(options.device, command);
    await work({ libraryFolder: libraryFolderOf(options.library), libraryOption: options.library, terminal, signal: interrupts.signal });
  } catch (error) {
    process.exitCode = reportError(error, terminal);
  } finally {
    terminal.clearLive();
  }
}

/**
 * Children take it from the environment: which GPU it is belongs to the machine, not to the run.
 * @throws TapsError `usage` when what computes has no devices
 */
function giveDevice(device: string, command: Command): void {
  const { engine = 'onnxruntime', resume } = command.opts<{ engine?: string; resume?: boolean }>();
  const computes = command.options.some(({ long }) => long === '--engine');
  if (computes && resume !== true && engine !== 'webgpu' && engine !== 'tensorflow') {
    throw new TapsError('usage', `--device ${device} names a GPU, and the engine ${engine} computes on the CPU.`, 'Add --engine webgpu or --engine tensorflow, or leave --device out.');
  }
  process.env['TAPS_DEVICE'] = device;
}

/** A command line to copy: quotes what a shell would split, and repeats `--library`. */
export function commandToType(context: CommandContext, ...words: string[]): string {
  const all = context.libraryOption === undefined ? words : [...words, '--library', context.libraryOption];
  return ['taps', ...all].map((word) => (/^[\w./:=@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`)).join(' ');
}
