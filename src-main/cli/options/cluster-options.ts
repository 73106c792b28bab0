/** @file Options of `taps sweep --on slurm`, and how this very program is called on another machine. */
import { resolve } from 'node:path';
import { Option, type Command } from 'commander';
import { slurmOptions, type SlurmOptions } from '../../cluster/slurm-options.ts';
import { TapsError } from '../../contract/errors.ts';
import { parseInteger } from './parse.ts';

export interface ClusterOptions {
  on?: 'here' | 'slurm';
  partition?: string;
  account?: string;
  time?: string;
  mem?: string;
  cpus?: number;
  atOnce?: number;
  sbatch?: string[];
  setup?: string[];
  folder?: string;
  program?: string;
  /** false: --no-wait. */
  wait: boolean;
  collect?: string | true;
  cancel?: string | true;
}

const collectWords = (text: string, before: string[] = []): string[] => [...before, text];

export function addClusterOptions(command: Command): Command {
  return command
    .addOption(new Option('--on <place>', 'where the runs are learnt: here, or as a job array on Slurm [default: here; with --resume: where the sweep is]').choices(['here', 'slurm']))
    .addOption(new Option('--partition <name>', 'slurm: partition'))
    .addOption(new Option('--account <name>', 'slurm: account'))
    .addOption(new Option('--time <limit>', 'slurm: time limit of a job: 90 (minutes), 1:30:00, 1-12 (days-hours); a job stops before it with a checkpoint'))
    .addOption(new Option('--mem <size>', 'slurm: memory of a job, such as 8G'))
    .addOption(new Option('--cpus <count>', 'slurm: CPUs of a job; it takes as many threads where --threads does not say (1 to 1024)').argParser(parseInteger))
    .addOption(new Option('--at-once <count>', 'slurm: jobs at a time at most').argParser(parseInteger))
    .addOption(new Option('--sbatch <directive>', 'slurm: a further directive, such as --sbatch=--gres=gpu:1; may be repeated').argParser(collectWords))
    .addOption(new Option('--setup <line>', "slurm: a shell line before the program, such as 'module load node'; may be repeated").argParser(collectWords))
    .addOption(new Option('--folder <folder>', 'slurm: where the jobs find their inputs and leave their results; the nodes must see it at the same path [default: cluster/<sweep> in the library]'))
    .addOption(new Option('--program <path>', 'slurm: the taps that the nodes run, of this version [default: this one, at the same path]'))
    .option('--no-wait', 'slurm: send the jobs and return')
    .option('--collect [sweep]', 'take the finished results of a sweep on Slurm into the library and say how its jobs are; the newest by default')
    .option('--cancel [sweep]', 'cancel the jobs of a sweep on Slurm; finished results and checkpoints stay');
}

/**
 * What was asked of Slurm: all of it with --on slurm, else what is to change.
 * @throws TapsError `usage`
 */
export function slurmOptionsOf(options: ClusterOptions): { slurm: SlurmOptions | null; change: Partial<SlurmOptions> } {
  const { on, partition, account, time, mem, cpus, atOnce, sbatch, setup } = options;
  const given = { partition, account, time, memory: mem, cpus, atOnce, directives: sbatch, setup };
  const slurm = slurmOptions(given);
  const said = Object.fromEntries(Object.entries(slurm).filter(([key]) => given[key as keyof typeof given] !== undefined));
  return on === 'slurm' ? { slurm, change: {} } : { slurm: null, change: said };
}

/** @throws TapsError `usage` for options of Slurm without it */
export function refuseClusterOptions(options: ClusterOptions): void {
  const { partition, account, time, mem, cpus, atOnce, sbatch, setup, folder, program } = options;
  const flags = Object.entries({ partition, account, time, mem, cpus, 'at-once': atOnce, sbatch, setup, folder, program, 'no-wait': options.wait ? undefined : true }).filter(([, value]) => value !== undefined);
  if (flags.length > 0) throw new TapsError('usage', `--${flags[0]?.[0] ?? ''} is for jobs on Slurm.`, 'Add --on slurm, or leave it out.');
}

/** What calls this program: given, or the very files that run now. */
export function programOf({ program }: ClusterOptions): string[] {
  if (program !== undefined) return [resolve(program)];
  return [process.execPath, ...process.execArgv, process.argv[1] ?? ''];
}
