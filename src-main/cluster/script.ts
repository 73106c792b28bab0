/** @file The script of a job array. Pure: words in, text out. */
import { secondsOf, type SlurmOptions } from './slurm-options.ts';

export interface ScriptParts {
  /** Of the array, unique to this submission: jobs are found again by it. */
  jobName: string;
  /** How many jobs; their indices are 0 to count − 1. */
  count: number;
  options: SlurmOptions;
  /** Program and first arguments that run `taps` on a node. */
  program: readonly string[];
  /** Absolute path of the shared folder, and the number of this submission in it. */
  folder: string;
  submission: number;
}

/** Seconds between the warning and the end of a job's time: a step and a checkpoint fit in; but never most of a short job. */
const MOST_WARNING_S = 120;
const LEAST_WARNING_S = 20;

/** In single quotes, which a shell takes as they are. */
export function quote(word: string): string {
  return /^[\w./:=@%+-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** Relative to the shared folder, which is the jobs' working folder; `%a` is Slurm's word for the index. */
export function logPattern(submission: number): string {
  return `logs/${numbered(submission)}-%a.log`;
}

export function logOf(submission: number, index: number): string {
  return `logs/${numbered(submission)}-${String(index)}.log`;
}

export function numbered(submission: number): string {
  return String(submission).padStart(4, '0');
}

/** What taps itself asks for. Given to sbatch as arguments too: variables such as SBATCH_PARTITION would win over the script. */
export function ownDirectives({ jobName, count, options, submission }: Pick<ScriptParts, 'jobName' | 'count' | 'options' | 'submission'>): string[] {
  const { partition, account, time, memory, cpus, atOnce } = options;
  const limit = secondsOf(time);
  const warning = limit === null ? MOST_WARNING_S / 2 : Math.round(Math.min(MOST_WARNING_S, Math.max(LEAST_WARNING_S, limit / 10)));
  return [
    `--job-name=${jobName}`,
    `--array=0-${String(count - 1)}${atOnce === undefined ? '' : `%${String(atOnce)}`}`,
    `--output=${logPattern(submission)}`,
    '--open-mode=append',
    '--ntasks=1',
    `--signal=B:USR2@${String(warning)}`,
    ...(partition === undefined ? [] : [`--partition=${partition}`]),
    ...(account === undefined ? [] : [`--account=${account}`]),
    ...(time === undefined ? [] : [`--time=${time}`]),
    ...(memory === undefined ? [] : [`--mem=${memory}`]),
    ...(cpus === undefined ? [] : [`--cpus-per-task=${String(cpus)}`]),
  ];
}

/**
 * The shell becomes the program (exec), so that Slurm's signals reach it: SIGUSR2 some time before the time limit, SIGTERM when the
 * job is cancelled or gives way. Both leave a checkpoint.
 */
export function scriptText(parts: ScriptParts): string {
  const { options, program, folder, submission } = parts;
  const head = [...ownDirectives(parts), ...options.directives];
  const command = [...program, 'cluster-job', folder, String(submission)].map(quote).join(' ');
  return ['#!/bin/bash', ...head.map((text) => `#SBATCH ${text}`), '', ...options.setup, `exec ${command} "$SLURM_ARRAY_TASK_ID"`, ''].join('\n');
}
